"""Errors of the domain rules. ``protos.errors`` maps each class to its reason and status."""


class ScoringError(Exception):
    """Root of this package's errors."""


class StatementFormatError(ScoringError):
    """Bytes are not a statement of the exchange."""


class ModelError(ScoringError):
    """A pack is not an indicator model; the message names the path and what would be right."""


class ModelLeaksError(ScoringError):
    """The member's own admission lint does not pass the model: somebody could learn single indicators from what it discloses [P7.1]."""


class RuleError(ScoringError):
    """A record's value cannot be used by the point rule of its indicator."""


class RangeError(ScoringError):
    """An opened value is impossible under the model [P2.4]."""


# --- who speaks ---


class SignerUnknownError(ScoringError):
    """The signing key is not registered in the zone, or its member has left."""


class WrongSignerError(ScoringError):
    """The statement is signed by a registered key that may not make this kind of statement."""


class ZoneMismatchError(ScoringError):
    """The statement belongs to another zone."""


class StatementReplayedError(ScoringError):
    """The same signed statement is in the log already, in an envelope of other bytes: a statement counts once."""


class ApprovalError(ScoringError):
    """A change of the registry adds an audience, a role or a key without the approvals of enough custodians, or an approval does not hold
    [P7.1]."""


class PeerEntryError(ScoringError):
    """A member's entry makes no peer zone, or one that cannot stand beside the others [F1]."""


class RegistryExpiredError(ScoringError):
    """The registry's validity is over: nothing is opened or published before it is renewed or extended [P9]."""


class RegistryRenewalError(ScoringError):
    """A renewal or extension of the registry does not fit its rules: too far ahead, too early, or too many extensions in a row [P9]."""


class CustodianNeededError(ScoringError):
    """A custodian cannot leave, or give up its role: fewer than t of those who hold shares would be left [P1.7]."""


class AcceptanceError(ScoringError):
    """A model's admission lacks the acceptance of an indicator's owner, or one of its acceptances does not hold [P7.1]."""


# --- epochs and contributions ---


class EpochUnknownError(ScoringError):
    """No such epoch is in the log."""


class EpochStateError(ScoringError):
    """The epoch is not in the state that this step needs; the message names both."""


class EpochDefinitionError(ScoringError):
    """An epoch's opening, closing or release does not agree with what is in the log."""


class WrongModelError(ScoringError):
    """The model named is not the epoch's, or is not admitted."""


class WrongKeyError(ScoringError):
    """The public key named is not the zone's."""


class RosterError(ScoringError):
    """A roster or stages document is malformed, out of order, or not the one that its statement names [P3]."""


class WrongRosterError(ScoringError):
    """The roster or period named is not the epoch's."""


class WrongOwnerError(ScoringError):
    """The sender does not own the indicator under the model [P4.3]."""


class LayoutError(ScoringError):
    """Slots, batches or entries of a contribution do not agree with the model and the epoch."""


class RevisionError(ScoringError):
    """The revision is not later than the one in the log, or the same revision came with other bytes [P4.1]."""


class RowFrozenError(RevisionError):
    """The first ticket for this audience, enterprise and epoch took the row as it is: a correction waits for the next epoch [P7.2]."""


class SubjectUnknownError(ScoringError):
    """The subject is not in the roster, or not enrolled."""


# --- consents and releases ---


class ConsentMissingError(ScoringError):
    """No consent of this subject for this audience is in the log."""


class ConsentRevokedError(ScoringError):
    """The consent has been revoked."""


class ConsentLapsedError(ScoringError):
    """The consent's audience has left the zone since: should it join again, it asks the enterprise anew."""


class ConsentExpiredError(ScoringError):
    """The time is outside the consent's period."""


class ConsentNotYetError(ConsentExpiredError):
    """The consent's period has not begun: it will, or a clock is behind."""


class ConsentScopeError(ScoringError):
    """The consent does not cover the audience, purpose, product or functional asked for."""


class ConsentConflictError(ScoringError):
    """A consent with this id is already in the log."""


class AudienceUnknownError(ScoringError):
    """The audience has no registered sealing key, or the ticket cites another leaf for it."""


class RowsAwaitedError(ScoringError):
    """Rows of this subject for this audience have not all arrived; ask again later [P5.1]."""


class OwnerLeftError(ScoringError):
    """The owner of an indicator has left the zone without contributing it: it will not come in this epoch [P3.3]."""


class TicketReplayError(ScoringError):
    """A ticket for this request, nonce, or epoch batch is already in the log [P5.2]."""


class TicketInputsError(ScoringError):
    """The ticket's inputs or functionals are not exactly those that the log and the model give [P5.3]."""


class TicketExpiredError(ScoringError):
    """The ticket's life is over, or longer than the zone allows."""


class TicketUnknownError(ScoringError):
    """No such ticket is in the log."""


class AggregateError(ScoringError):
    """The ticket's aggregate is not the one recomputed from its inputs [P5.3]."""


class NotDisclosedError(ScoringError):
    """The model does not disclose this functional to this audience."""


class EpochIntervalError(ScoringError):
    """An epoch of this data period was opened too short a time ago for the zone's policy [P7.2]."""


class DisclosureFrozenError(ScoringError):
    """The first ticket for this audience, enterprise and epoch froze other inputs or another stage [P7.2]."""


class DisclosureLimitError(ScoringError):
    """The audience would learn more functionals of this enterprise than the zone's policy allows it [P7.1]."""


class DisclosureIsolatesError(ScoringError):
    """Together with what the audience could already open, the ticket would show what one department alone holds, or undo a gate [P7.2]."""


class LogInconsistentError(ScoringError):
    """The log contradicts itself: digest, index or pinned genesis. Fatal to whoever follows it."""


# --- draws and failures ---


class DrawError(ScoringError):
    """A draw's commitment, number or outcome does not follow from the log, or does not come at this time [P6]."""


class NotDrawnError(ScoringError):
    """An auditor asks for an opening that no draw, and no failed ticket, gives it."""


class OpeningUnavailableError(ScoringError):
    """A contribution that was drawn cannot be opened: its epoch's secret, or what it was made of, is gone."""


class FailureReportError(ScoringError):
    """The report of a failed opening does not fit its ticket, or the ticket has one already [P2.4]."""


class SubjectFrozenError(ScoringError):
    """A value opened for this enterprise, or batch, was impossible: its inputs are audited before another ticket [P2.4]."""


# --- signed requests ---


class RequestFormatError(ScoringError):
    """A request does not follow the signed-request profile: headers, components, parameters, target or body [P5.1]."""


class RequestSignatureError(ScoringError):
    """The request's signature or body digest does not verify under the registered key."""


class RequestExpiredError(ScoringError):
    """The time is outside the request's created–expires, or that period is longer than allowed."""


class RequestReplayedError(ScoringError):
    """The signer has used this nonce before."""


class CustodiansMissingError(ScoringError):
    """Too few custodians answered: the release waits for t of them."""


class CheckpointStaleError(ScoringError):
    """The newest checkpoint with enough witnesses is older than the zone's limit [L5]."""


class WitnessPolicyError(ScoringError):
    """A registry's witness policy does not keep two histories from being witnessed, or is not one for production [L5]."""


class ReceiptError(ScoringError):
    """A receipt does not hold. ``reason`` is the distinct code of what does not."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class KeyNotReadyError(ScoringError):
    """The zone's key is not usable yet: not every custodian has accepted its share [P1.5]."""


class KeyRoundError(ScoringError):
    """A step of a refresh or re-sharing does not fit the round that is under way, or none is [P1.7]."""


class BlameError(ScoringError):
    """A demand for a proof, a proof, or a blame is not founded on what the log and the custodian's signature show [P1.4]."""


class BadDealError(KeyRoundError):
    """A value that a custodian was dealt does not hold. ``deal`` is the digest of the dealer's statement [P1.7]."""

    def __init__(self, deal: str, detail: str) -> None:
        super().__init__(detail)
        self.deal = deal


class ValueStateError(ScoringError):
    """An answer about a value, or the settling of one, does not fit the state in which the value is [V2]."""


# --- lending ---


class TermsError(ScoringError):
    """A product's terms do not fit the institution, its base product, or the admitted models [E2]."""


class LoanStateError(ScoringError):
    """A step does not fit the state in which the application is, or comes from who may not take it [E3]."""


class LoanOvertakenError(LoanStateError):
    """Another step of the application came first: the step is to be made anew, after that one [E4]."""


class LoanAmountError(ScoringError):
    """An amount, price or term is beyond what terms, line, offer or contract allow [E5]."""


class PoolError(ScoringError):
    """A claim on the risk-compensation pool, or a return to it, does not fit its rules or its balance [E6]."""


class FourEyesError(ScoringError):
    """Who proposed something would let it go too: another person has to."""
