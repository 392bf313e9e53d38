"""Errors of the processes. ``protos.errors`` maps each class to its reason and status; ``FatalError`` stops the process instead."""

from __future__ import annotations


class NodeError(Exception):
    """Root of the processes' errors."""


class SettingsError(NodeError):
    """A configuration file is missing, unreadable, or does not fit its schema; the message names the key."""


class SecretFileError(NodeError):
    """A private file or directory is missing, or others than its owner may read it."""


class IdentityError(NodeError):
    """A member's certificate or keys are malformed, of the wrong kind, or do not belong together."""


class CallerError(NodeError):
    """A caller's certificate does not name exactly one member of this zone, or has expired."""


class MemberUnknownError(NodeError):
    """The caller is not in the zone's registry."""


class MemberLeftError(NodeError):
    """The caller left the zone, or was removed from it."""


class RoleMissingError(NodeError):
    """The caller is registered, but not with a role that may do this."""


class PeerNotEntitledError(NodeError):
    """The caller is a peer zone's node, and its entry in the registry does not let it have this [F3]."""


class DeadlineMissingError(NodeError):
    """A call came without a deadline, or with one too far away."""


class IdempotencyConflictError(NodeError):
    """The caller used this idempotency key before, for other bytes."""


class NotFoundError(NodeError):
    """What was asked for is not here."""


class WitnessDisagreesError(NodeError):
    """A witness refused a checkpoint, or answered with something that is not its cosignature."""


class NotReadyError(NodeError):
    """What was asked for may come later: the caller should ask again."""


class LogSplitError(NodeError):
    """The log showed another history to another custodian; both notes are kept, and nothing is opened until people have looked."""


class HeadsMissingError(NodeError):
    """Too few other custodians' heads are known: a split of the log could be hidden from this one."""


class RateLimitedError(NodeError):
    """The caller asks more often than it may; it may ask again after ``retry_after_s`` seconds."""

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class TokenError(NodeError):
    """A call of a process's own people came without its bearer token."""


class SignInError(NodeError):
    """A person did not sign in: no such person, another password, or a session that has ended. It does not tell which name exists."""


class AssertionInvalidError(NodeError):
    """What an identity provider, or a passkey, says of a person does not hold: signature, issuer, audience, time, sign-in; or it said no."""


class NotRepresentativeError(NodeError):
    """A person was signed in by the identity provider, but not as one who speaks for an enterprise."""


class FormError(NodeError):
    """A form or call came from elsewhere than the page that this session was given: another site, another session, an old page."""


class EntryError(NodeError):
    """What a person entered on a page is not of its form, or nothing of what can be chosen."""


class DecisionError(NodeError):
    """A person's decision does not count: said twice, about bytes that are not held any more, or by somebody who may not."""


class SecondPersonMissingError(NodeError):
    """Two different persons of the department have not let a contribution go: it stays on the node."""


class FormSentError(NodeError):
    """The form that came was sent before, and what it asked for is done or under way."""


class PeerUnavailableError(NodeError):
    """Another process could not be reached, or did not answer in time; the message says which and why."""


class ConnectorFailedError(NodeError):
    """A connector failed in a way that it does not foresee; the message says which error and where, nothing that was read."""


class RecordFileError(NodeError):
    """A dropped file of records cannot be read as a whole; none of it was taken."""


class RecordsMissingError(NodeError):
    """A department holds no records for the period asked for, or for none of the roster's subjects: it contributes nothing."""


class RpcRefusal(NodeError):
    """Another process refused a call.

    ``reason`` is the catalogue's word (``protos.errors``), ``detail`` its sentence, ``status`` the name of the gRPC status;
    ``retry_after_s`` is set where the refusal was of the caller's haste: it may ask again after so many seconds.
    """

    def __init__(self, reason: str, detail: str, status: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def passing(self) -> bool:
        """Whether the same may be answered when it is sent again: nothing was judged, the other side could not, or had enough for now.

        A certificate that is not in force, by the other side's clock, says nothing about what was sent either: it will be renewed.
        """
        return self.status in {"UNAVAILABLE", "ABORTED", "INTERNAL"} or self.retry_after_s is not None or self.reason == "CALLER_UNKNOWN"


class StorageUnavailableError(NodeError):
    """The disk is full or failing, or the database is locked or away: nothing was kept, and the same may succeed later."""


class StandbyError(NodeError):
    """This instance stands by: another one of the same process acts. The caller asks that one."""


class QuotaFullError(NodeError):
    """What another zone sends is more than this one keeps for it: nothing more of it is taken, and what is there stays."""


class InstanceLeadsError(NodeError):
    """Another instance leads, and what is asked for can be done only while none does."""


class BackupUnusableError(NodeError):
    """A backup is not whole, was changed, or cannot be taken or put back with the tools that are there."""


class StateNotEmptyError(NodeError):
    """A backup is to be put back where there is a state already."""


class FatalError(NodeError):
    """The process must stop: going on could lose or fork what it promised to keep."""


class StateInUseError(FatalError):
    """Another process holds this state directory."""


class StorageError(FatalError):
    """What was stored cannot be read back, or a write may not be durable."""


class LogForkError(FatalError):
    """The log showed two histories; both notes are kept as evidence."""


class RollbackError(FatalError):
    """The database is older than the head pinned outside it: it was restored, or tampered with."""


class DatabaseNewerError(FatalError):
    """The database was written by a newer version of the program, whose tables this one does not know."""


class LeaseLostError(FatalError):
    """Another instance of this process has taken over: this one may not write any more, and begins anew by standing by."""
