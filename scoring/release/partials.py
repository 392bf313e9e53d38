"""How a signed partial opening is sealed to its audience [P5.4]: the context that both ends bind."""

from __future__ import annotations

from crypto.encoding import frame, label


def sealing_info(ticket: str, custodian: str, generation: int) -> bytes:
    """HPKE info of a partial: ticket digest (hex), custodian's member id and share generation."""
    return frame(label("partial"), bytes.fromhex(ticket), custodian.encode(), generation.to_bytes(4, "big"))


def sealing_aad(opening: int) -> bytes:
    """HPKE additional data of a partial: the opening's index in its ticket."""
    return opening.to_bytes(4, "big")
