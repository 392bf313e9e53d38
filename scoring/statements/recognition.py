"""What is said when an enterprise carries its score into another zone: its own word to show it, and that zone's record that it took it."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from scoring.statements.base import Hex32, Name, Statement, Time


class CredentialShown(Statement):
    """An enterprise shows one score credential to one zone, for a short time [F11]. Signed by its enrolled key; never logged.

    ``zone``: where the key is enrolled and the receipt was made. ``audience``: the zone that it is shown to. ``credential``: SHA-256 of the
    credential's exact bytes.
    """

    kind = "credential-shown"
    audience: Name
    credential: Hex32
    not_before: Time
    not_after: Time


class Recognition(Statement):
    """The authority took a score credential of another zone [F13]. Whom it is about is kept by the gateway and stands nowhere in the log.

    ``origin``: the zone that it comes from; ``model``: id and version there; ``shown``: digest of the statement by which it was shown, which no
    one can guess; ``scored``: when the score was released there.
    """

    kind = "recognition"
    origin: Name
    model: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}@[0-9A-Za-z.-]{1,32}$")]
    model_sha256: Hex32
    shown: Hex32
    scored: Time
