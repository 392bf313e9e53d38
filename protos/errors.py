"""The one refusal catalogue: which word, status and sentence a caller gets for each error of the domain.

Rows are keyed by the error class's full name, since the processes' own errors lie above this package; a test demands a row for
every class of every ``errors.py``, and a class for every row. The status says what the caller should do: UNAVAILABLE, try again;
FAILED_PRECONDITION, wait for the state to change; ABORTED, start the step again; INVALID_ARGUMENT, it can never be right.
An error without a row is a defect of ours: the caller learns INTERNAL and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from grpc import StatusCode as Code

from scoring.errors import ScoringError

DETAIL_LIMIT = 500


class WireFormatError(ScoringError):
    """A message's parts came in the wrong order, number, size or form. A process that survives a refused statement survives this."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a caller is told. ``explain``: the error's own message may be shown too; it never is where it could name a secret.

    ``fatal``: not the caller's fault; the process that meets it must stop.
    """

    reason: str
    code: Code
    http: int
    sentence: str
    explain: bool = True
    fatal: bool = False


INTERNAL = Refusal("INTERNAL", Code.INTERNAL, 500, "The server met an error of its own; its log says more.", explain=False)


def _bad(reason: str, sentence: str, *, explain: bool = True) -> Refusal:
    return Refusal(reason, Code.INVALID_ARGUMENT, 400, sentence, explain)


def _denied(reason: str, sentence: str) -> Refusal:
    return Refusal(reason, Code.PERMISSION_DENIED, 403, sentence)


def _unauthenticated(reason: str, sentence: str) -> Refusal:
    return Refusal(reason, Code.UNAUTHENTICATED, 401, sentence)


def _conflict(reason: str, sentence: str) -> Refusal:
    return Refusal(reason, Code.ALREADY_EXISTS, 409, sentence)


def _state(reason: str, sentence: str) -> Refusal:
    return Refusal(reason, Code.FAILED_PRECONDITION, 409, sentence)


def _missing(reason: str, sentence: str) -> Refusal:
    return Refusal(reason, Code.NOT_FOUND, 404, sentence)


def _own(reason: str, sentence: str, *, fatal: bool = False) -> Refusal:
    return Refusal(reason, Code.INTERNAL, 500, sentence, explain=False, fatal=fatal)


_CRYPTO = {
    "EncodingError": _bad("ENCODING_INVALID", "A value is not in its canonical encoding."),
    "KeyFormatError": _bad("KEY_INVALID", "The key or transcript does not satisfy its definition."),
    "CiphertextError": _bad("CIPHERTEXT_INVALID", "A ciphertext is out of range or not a unit."),
    "ProofError": _bad("PROOF_INVALID", "The proof of knowledge does not verify."),
    "OpeningError": _bad("OPENING_INVALID", "The opening does not open its ciphertext.", explain=False),
    "PartialError": _bad("PARTIAL_INVALID", "A partial opening is malformed.", explain=False),
    "PackingError": _bad("PACKING_INVALID", "Packed values do not fit their slots.", explain=False),
    "SignatureError": _unauthenticated("SIGNATURE_INVALID", "The signature does not verify under the registered key."),
    "EnvelopeFormatError": _bad("ENVELOPE_INVALID", "The bytes are not one signed envelope."),
    "MerkleError": _bad("MERKLE_INVALID", "A Merkle root or proof does not agree with what it stands for."),
    "NoteError": _bad("NOTE_INVALID", "The checkpoint or proof is malformed or not signed as required."),
    "SealingError": _bad("SEALING_INVALID", "The sealed message does not open.", explain=False),
    "SubjectError": _bad("SUBJECT_INVALID", "The unified social credit code is malformed.", explain=False),
}

_SCORING = {
    "StatementFormatError": _bad("STATEMENT_INVALID", "The statement does not fit its schema."),
    "ModelError": _bad("MODEL_INVALID", "The pack is not an indicator model."),
    "ModelLeaksError": _denied("MODEL_LEAKS", "The admission lint does not pass this model: it would disclose single indicators."),
    "RuleError": _bad("RECORD_INVALID", "A record cannot be used by its indicator's rule.", explain=False),
    "RangeError": _own("VALUE_IMPOSSIBLE", "An opened value is impossible under the model."),
    "SignerUnknownError": _unauthenticated("SIGNER_UNKNOWN", "The signing key is not registered in the zone."),
    "WrongSignerError": _denied("SIGNER_NOT_ALLOWED", "This signer may not make this statement."),
    "ZoneMismatchError": _bad("ZONE_MISMATCH", "The statement belongs to another zone."),
    "StatementReplayedError": _conflict("STATEMENT_REPLAYED", "This statement is in the log already, in another envelope."),
    "ApprovalError": _denied("CHANGE_NOT_APPROVED", "Too few custodians have approved this change of the registry."),
    "PeerEntryError": _bad("PEER_ENTRY_INVALID", "The entry of a peer zone does not hold in this zone."),
    "RegistryExpiredError": _state("REGISTRY_EXPIRED", "The zone's registry has expired: it waits to be renewed."),
    "RegistryRenewalError": _state("REGISTRY_RENEWAL", "The renewal or extension of the registry does not fit its rules."),
    "CustodianNeededError": _state("CUSTODIAN_NEEDED", "Too few custodians would be left: the key's shares are renewed without this one first."),
    "AcceptanceError": _denied("MODEL_NOT_ACCEPTED", "An owner of the model's indicators has not accepted it."),
    "EpochUnknownError": _missing("EPOCH_UNKNOWN", "No such epoch is in the log."),
    "EpochStateError": _state("EPOCH_STATE", "The epoch is not in the state that this step needs."),
    "EpochDefinitionError": _bad("EPOCH_INVALID", "The epoch's definition does not agree with the log."),
    "WrongModelError": _bad("MODEL_MISMATCH", "The model named is not the epoch's, or is not admitted."),
    "WrongKeyError": _bad("KEY_MISMATCH", "The public key named is not the zone's."),
    "KeyNotReadyError": Refusal("KEY_NOT_READY", Code.FAILED_PRECONDITION, 503, "Custodians have still to accept their shares of the key."),
    "KeyRoundError": _state("KEY_ROUND_STATE", "The step does not fit the round that renews the key's shares."),
    "BadDealError": _bad("DEAL_INVALID", "What a custodian was dealt for the key's next generation does not hold."),
    "BlameError": _bad("BLAME_UNFOUNDED", "What is said about a custodian's partial is not shown by its signature and the log."),
    "RosterError": _bad("ROSTER_INVALID", "The roster or stages document is malformed or not the one named."),
    "WrongRosterError": _bad("ROSTER_MISMATCH", "The roster or period named is not the epoch's."),
    "WrongOwnerError": _denied("NOT_OWNER", "The sender does not own this indicator."),
    "LayoutError": _bad("LAYOUT_INVALID", "Slots, batches or entries do not agree with the model and the epoch."),
    "RevisionError": _conflict("REVISION_CONFLICT", "This revision came before with other bytes, or a later one is there."),
    "RowFrozenError": _conflict("ROW_FROZEN", "The first ticket took the row as it is; a correction waits for the next epoch."),
    "SubjectUnknownError": _missing("SUBJECT_UNKNOWN", "The subject is not in the roster, or not enrolled."),
    "ConsentMissingError": _denied("CONSENT_MISSING", "The enterprise has given no such consent."),
    "ConsentRevokedError": _denied("CONSENT_REVOKED", "The enterprise has revoked this consent."),
    "ConsentLapsedError": _denied("CONSENT_LAPSED", "The consent's audience has left the zone since it was given."),
    "ConsentExpiredError": _denied("CONSENT_EXPIRED", "The consent is not in force at this time."),
    "ConsentNotYetError": _denied("CONSENT_NOT_YET", "The consent's period has not begun at this time."),
    "ConsentScopeError": _denied("CONSENT_SCOPE", "The consent does not cover what was asked for."),
    "ConsentConflictError": _conflict("CONSENT_CONFLICT", "A consent with this id is already in the log."),
    "AudienceUnknownError": _bad("AUDIENCE_UNKNOWN", "The audience has no registered sealing key."),
    "RowsAwaitedError": Refusal("ROWS_AWAITED", Code.FAILED_PRECONDITION, 202, "Rows of this enterprise are still awaited; ask again later."),
    "OwnerLeftError": _state("OWNER_LEFT", "An owner of indicators has left the zone: its values will not come in this epoch."),
    "TicketReplayError": _conflict("TICKET_REPLAYED", "A ticket for this request or batch is already in the log."),
    "TicketInputsError": _bad("TICKET_INPUTS", "The ticket's inputs are not those that the log and the model give."),
    "TicketExpiredError": _denied("TICKET_EXPIRED", "The ticket's life is over or longer than allowed."),
    "TicketUnknownError": _missing("TICKET_UNKNOWN", "No such ticket is in the log."),
    "AggregateError": _bad("AGGREGATE_MISMATCH", "The ticket's aggregate is not the one recomputed from its inputs."),
    "NotDisclosedError": _denied("NOT_DISCLOSED", "The model does not disclose this to this audience."),
    "EpochIntervalError": _state("EPOCH_TOO_SOON", "An epoch of this data period was opened too short a time ago."),
    "DisclosureFrozenError": _denied("DISCLOSURE_FROZEN", "The first ticket of this epoch froze inputs and stage; a correction waits for the next."),
    "DisclosureLimitError": _denied("DISCLOSURE_LIMIT", "This audience may learn no further functional of this enterprise."),
    "DisclosureIsolatesError": _denied("DISCLOSURE_ISOLATES", "With what this audience could open before, this would show what one owner holds."),
    "CheckpointStaleError": Refusal("CHECKPOINT_STALE", Code.FAILED_PRECONDITION, 503, "No fresh checkpoint has enough witnesses yet."),
    "WitnessPolicyError": _bad("WITNESS_POLICY_INVALID", "The registry's witness policy does not keep the log from showing two histories."),
    "ReceiptError": _bad("RECEIPT_INVALID", "The receipt does not hold."),
    "CustodiansMissingError": Refusal("CUSTODIANS_MISSING", Code.FAILED_PRECONDITION, 503, "Too few custodians answered in time; ask again."),
    "LogInconsistentError": _own("LOG_INCONSISTENT", "The log contradicts itself.", fatal=True),
    "ValueStateError": _state("VALUE_STATE", "The answer does not fit the state of the value that it is about."),
    "TermsError": _bad("TERMS_INVALID", "The product's terms do not fit the institution, its base product or the admitted models."),
    "LoanStateError": _state("LOAN_STATE", "The step does not fit the state of the application."),
    "LoanOvertakenError": _conflict("LOAN_OVERTAKEN", "Another step of the application came first; make this one anew."),
    "LoanAmountError": _bad("LOAN_AMOUNT", "An amount, price or term is beyond what terms, line, offer or contract allow."),
    "PoolError": _state("POOL_STATE", "The risk-compensation pool does not pay or take this."),
    "DrawError": _state("DRAW_INVALID", "The draw does not follow from the log, or does not come at this time."),
    "NotDrawnError": _denied("NOT_DRAWN", "No draw and no failed ticket asks for this opening."),
    "OpeningUnavailableError": _missing("OPENING_UNAVAILABLE", "What the contribution was made of is not here any more."),
    "FailureReportError": _bad("FAILURE_INVALID", "The report of a failed opening does not fit its ticket."),
    "SubjectFrozenError": _state("SUBJECT_FROZEN", "An opening for this enterprise failed; its inputs are audited first."),
    "RequestFormatError": _bad("REQUEST_INVALID", "The request does not follow the signed-request profile."),
    "RequestSignatureError": _unauthenticated("REQUEST_SIGNATURE_INVALID", "The request's signature does not verify."),
    "RequestExpiredError": _unauthenticated("REQUEST_EXPIRED", "The request is too old, from the future, or valid for too long."),
    "RequestReplayedError": _conflict("REQUEST_REPLAYED", "A request with this nonce was made before."),
    "FourEyesError": _denied("SECOND_PERSON_NEEDED", "Another person than the one who proposed this lets it go."),
}

_CONNECTORS = {
    "MappingError": _own("MAPPING_INVALID", "A connector's mapping is wrong."),
    "DeliveryError": _bad("DELIVERY_UNREADABLE", "What was delivered cannot be read as a whole.", explain=False),
    "DeclarationError": _bad("DECLARATION_INVALID", "A customs declaration has a field of another form than its message takes."),
    "SourceUnavailableError": Refusal(
        "SOURCE_UNAVAILABLE", Code.UNAVAILABLE, 503, "A department's system cannot be reached; ask again.", explain=False
    ),
}

_NODES = {
    "BackupUnusableError": _own("BACKUP_UNUSABLE", "A backup is not whole, or cannot be taken or put back."),
    "StateNotEmptyError": _own("STATE_NOT_EMPTY", "There is a state already where a backup is to be put back."),
    "SettingsError": _own("SETTINGS_INVALID", "The server's configuration is wrong."),
    "SecretFileError": _own("SECRET_FILE", "A private file of the server is missing or open to others."),
    "IdentityError": _own("IDENTITY_INVALID", "The server's own keys do not fit together."),
    "CallerError": _unauthenticated("CALLER_UNKNOWN", "The certificate does not name exactly one member of this zone, or is not in force."),
    "MemberUnknownError": _denied("MEMBER_UNKNOWN", "The caller is not in the zone's registry."),
    "MemberLeftError": _denied("MEMBER_LEFT", "The caller has left the zone."),
    "RoleMissingError": _denied("ROLE_MISSING", "The caller's role does not allow this."),
    "PeerNotEntitledError": _denied("PEER_NOT_ENTITLED", "The zone's entry for this peer does not allow this."),
    "DeadlineMissingError": _bad("DEADLINE_MISSING", "Every call needs a deadline that is not too far away."),
    "IdempotencyConflictError": _conflict("IDEMPOTENCY_CONFLICT", "This idempotency key was used before, for other bytes."),
    "NotFoundError": _missing("NOT_FOUND", "What was asked for is not here."),
    "ConnectorFailedError": _own("CONNECTOR_FAILED", "A connector failed in a way that it does not foresee."),
    "RecordFileError": _bad("RECORD_FILE_INVALID", "The file of records cannot be read.", explain=False),
    "RecordsMissingError": _state("RECORDS_MISSING", "The department holds no records for this period and roster."),
    "WitnessDisagreesError": _state("WITNESS_DISAGREES", "The witness's answer does not agree with the log."),
    "NotReadyError": Refusal("NOT_READY", Code.UNAVAILABLE, 503, "This is not ready yet; ask again."),
    "LogSplitError": Refusal(
        "LOG_SPLIT", Code.FAILED_PRECONDITION, 503, "The log showed two histories; nothing is opened until that is settled.", explain=False
    ),
    "HeadsMissingError": Refusal(
        "HEADS_MISSING", Code.FAILED_PRECONDITION, 503, "Custodians do not hear of each other, so a split of the log could be hidden.", explain=False
    ),
    "RateLimitedError": Refusal("RATE_LIMITED", Code.RESOURCE_EXHAUSTED, 429, "Too many requests; ask again later."),
    "TokenError": _unauthenticated("TOKEN_INVALID", "This needs the process's bearer token."),
    "SignInError": _unauthenticated("SIGN_IN_REQUIRED", "Sign in with your name and password."),
    "AssertionInvalidError": _unauthenticated("ASSERTION_INVALID", "The sign-in does not hold: begin again."),
    "NotRepresentativeError": _denied("NOT_REPRESENTATIVE", "Only an enterprise's legal representative may enter."),
    "FormError": _denied("FORM_NOT_OURS", "The form is not one that this session was given: open the page again."),
    "EntryError": _bad("ENTRY_INVALID", "What was entered is not of its form."),
    "FormSentError": _state("FORM_SENT", "This form was sent before: look at the page whether what it asked for is done."),
    "DecisionError": _state("DECISION_INVALID", "The decision does not count."),
    "SecondPersonMissingError": _state("SECOND_PERSON_MISSING", "Two different persons of the department have not approved this contribution."),
    "PeerUnavailableError": Refusal("PEER_UNAVAILABLE", Code.UNAVAILABLE, 503, "Another process cannot be reached; ask again.", explain=False),
    "StorageUnavailableError": Refusal(
        "STORAGE_UNAVAILABLE", Code.UNAVAILABLE, 503, "The server's disk or database takes nothing at the moment; ask again.", explain=False
    ),
    "StandbyError": Refusal("STANDBY", Code.UNAVAILABLE, 503, "Another instance of this process acts; ask that one."),
    "FatalError": _own("STOPPING", "The server must stop.", fatal=True),
    "QuotaFullError": Refusal(
        "QUOTA_FULL", Code.FAILED_PRECONDITION, 409, "What that zone sends is more than is kept for it; ask this zone's authority."
    ),
    "InstanceLeadsError": _own("INSTANCE_LEADS", "Another instance of this process acts; stop it first."),
    "StateInUseError": _own("STATE_IN_USE", "Another process holds the state directory.", fatal=True),
    "StorageError": _own("STORAGE_FAILED", "What was stored cannot be read or written.", fatal=True),
    "LogForkError": _own("LOG_FORKED", "The log showed two histories.", fatal=True),
    "RollbackError": _own("STATE_ROLLED_BACK", "The database is older than the head pinned outside it.", fatal=True),
    "DatabaseNewerError": _own("DATABASE_NEWER", "A newer version of the program wrote the database.", fatal=True),
    "LeaseLostError": Refusal("LEASE_LOST", Code.UNAVAILABLE, 503, "Another instance of this process has taken over; ask that one.", fatal=True),
}

_POLICIES = {
    "PolicyFormatError": _bad("POLICY_INVALID", "A policy, condition or bank's file is not of its form."),
    "PolicyUnknownError": _missing("POLICY_UNKNOWN", "No such policy, tag, claim or payment file is here."),
    "PolicyStateError": _state("POLICY_STATE", "The policy is not in the state that this step needs."),
    "ClaimStateError": _state("CLAIM_STATE", "The claim is not in the state that this step needs."),
    "BudgetError": _state("BUDGET_EXCEEDED", "The policy's budget does not cover this."),
    "ReconciliationError": _bad("PAYMENTS_DISAGREE", "The bank's answer does not agree with what was ordered; nothing of it was taken."),
    "StepOrderError": _state("STEP_ORDER", "The step does not follow the last one of this claim."),
}

_PUBLICATIONS = {
    "PublicationFormatError": _bad("PUBLICATION_INVALID", "A publication, a word or a choice is not of its form."),
    "PublicationStateError": _state("PUBLICATION_STATE", "The publication is not in the state that this step needs."),
    "PublicationUnknownError": _missing("PUBLICATION_UNKNOWN", "No such publication is here, or it does not concern this enterprise."),
    "PublicationOrderError": _state("PUBLICATION_ORDER", "The step does not follow the last one of this publication, or comes too early."),
}

_FEDERATION = {
    "FederationError": _bad("FEDERATION_INVALID", "Something that another zone gave does not hold."),
    "CredentialFormatError": _bad("CREDENTIAL_INVALID", "The score credential, or how it is shown, is not of its form."),
    "PeerUnknownError": _denied("PEER_UNKNOWN", "The zone that this comes from is no peer of this one."),
    "OriginMismatchError": _denied("ORIGIN_MISMATCH", "Credential and receipt are not of the zone, registry or model that they name."),
    "CredentialReceiptError": _denied("CREDENTIAL_RECEIPT_INVALID", "The credential's receipt does not hold against the pinned zone."),
    "CredentialTooOldError": _denied("CREDENTIAL_TOO_OLD", "The score is older than this zone takes."),
    "NotTheHolderError": _denied("NOT_THE_HOLDER", "The credential is not shown by the enterprise that it is about."),
    "PresentationAudienceError": _denied("PRESENTATION_AUDIENCE", "The credential is shown to another zone."),
    "SharedItemError": _bad("SHARED_ITEM_INVALID", "An item of a peer zone is not what that zone's authority signed with a key that it has now."),
    "BackupError": _bad("BACKUP_INVALID", "The backup is not whole, not in its order, or not of this zone and key."),
    "PresentationExpiredError": _denied("PRESENTATION_EXPIRED", "The presentation is not in force now: show the credential anew."),
}

_PROTOS = {"WireFormatError": _bad("MESSAGE_INVALID", "The message's parts are malformed or out of order.")}

CATALOGUE: dict[str, Refusal] = {
    f"{module}.{name}": row
    for module, rows in (
        ("crypto.errors", _CRYPTO),
        ("scoring.errors", _SCORING),
        ("scoring.policies.errors", _POLICIES),
        ("scoring.publications.errors", _PUBLICATIONS),
        ("scoring.federation.errors", _FEDERATION),
        ("connectors.errors", _CONNECTORS),
        ("protos.errors", _PROTOS),
        ("nodes.errors", _NODES),
    )
    for name, row in rows.items()
}
_BY_REASON = {row.reason: row for row in (*CATALOGUE.values(), INTERNAL)}


def refusal_of(error: BaseException) -> Refusal:
    """The row of an error's class, or of its nearest ancestor that has one; INTERNAL where there is none."""
    for cls in type(error).__mro__:
        row = CATALOGUE.get(f"{cls.__module__}.{cls.__qualname__}")
        if row is not None:
            return row
    return INTERNAL


def by_reason(reason: str) -> Refusal:
    """The row with this reason; INTERNAL when no row has it (an answer of a newer or foreign process)."""
    return _BY_REASON.get(reason, INTERNAL)


def detail_of(error: BaseException, row: Refusal) -> str:
    """The sentence for the caller: the error's own message where the row allows it, cut to a bounded length."""
    text = str(error) if row.explain else ""
    return (text or row.sentence)[:DETAIL_LIMIT]


def problem(row: Refusal, detail: str = "", instance: str = "") -> dict[str, str | int]:
    """RFC 9457 problem document of a refusal, with ``reason``; to be served as application/problem+json with status ``row.http``."""
    document: dict[str, str | int] = {
        "type": f"urn:xinqiao:reason:{row.reason}",
        "title": row.sentence,
        "status": row.http,
        "reason": row.reason,
    }
    if detail and detail != row.sentence:
        document["detail"] = detail
    if instance:
        document["instance"] = instance
    return document
