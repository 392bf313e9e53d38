"""Errors between zones. ``protos.errors`` maps each class to its reason and status."""

from scoring.errors import ScoringError


class FederationError(ScoringError):
    """Something that one zone gave another does not hold. Base of this module."""


class CredentialFormatError(FederationError):
    """A score credential, or how it is shown, is not of its form."""


class PeerUnknownError(FederationError):
    """The zone that it comes from is no pinned peer of this one, or is this zone itself."""


class OriginMismatchError(FederationError):
    """Credential, receipt or presentation are of another zone, registry or model than the credential says."""


class CredentialReceiptError(FederationError):
    """The credential's receipt does not hold against the pinned peer; the message begins with the receipt's own reason."""


class CredentialTooOldError(FederationError):
    """The receipt was made longer ago than the zone's policy takes, or later than now."""


class NotTheHolderError(FederationError):
    """Whoever shows the credential is not the enterprise that it is about: not its enrolled key, or not its code."""


class PresentationAudienceError(FederationError):
    """The credential is shown to another zone than this one."""


class PresentationExpiredError(FederationError):
    """The presentation is not in force now, or for longer than is taken."""


class BackupError(FederationError):
    """A sealed backup is not whole, not in its order, or not of this zone, stream and key."""


class SharedItemError(FederationError):
    """An item of a peer zone is not what that zone's authority signed, cannot be shown to be, or is too large."""
