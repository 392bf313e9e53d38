"""What a peer zone's node may call at this zone's servers: what is listed here and its entry allows, and nothing else, of today or later [F3].

Members of other roles pass: what they may do is judged where it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from nodes.errors import PeerNotEntitledError
from scoring.exchange.peers import PEER
from scoring.statements import Grant, Member

Permit = Callable[[str, str], None]
"""Returns when the member (its id) may call the method (its full name); raises PeerNotEntitledError. Called often: keep it cheap."""

_LOG, _FEDERATION = "/xinqiao.v1.Log/", "/xinqiao.v1.Federation/"
_BY_GRANT: Final[Mapping[str, frozenset[Grant]]] = {
    **{f"{_LOG}{name}": frozenset({"log"}) for name in ("Follow", "Checkpoint", "Prove", "Envelopes", "ReadTile")},
    f"{_FEDERATION}Replicate": frozenset({"models", "catalog", "policies", "statistics", "backup"}),
}
_BY_ROLE: Final = {
    f"{_LOG}Witness": "witness",
    "/xinqiao.v1.Board/Exchange": PEER,
    **{f"/grpc.health.v1.Health/{name}": PEER for name in ("Check", "Watch")},
}


def permitting(member_of: Callable[[str], Member | None]) -> Permit:
    """The rule over the zone's present members. Whether somebody is a member at all is asked elsewhere."""

    def permit(caller: str, method: str) -> None:
        member = member_of(caller)
        if member is not None and member.peer is not None:
            check_call(member, method)

    return permit


def while_leading(check_leads: Callable[[], None], permit: Permit) -> Permit:
    """``permit``, but nothing except how the process is while ``check_leads`` raises: another instance of it acts [B2]."""

    def lead_and_permit(caller: str, method: str) -> None:
        if not method.startswith("/grpc.health.v1.Health/"):
            check_leads()
        permit(caller, method)

    return lead_and_permit


def check_call(peer: Member, method: str) -> None:
    """The peer may call ``method`` (``/package.Service/Name``). Raises PeerNotEntitledError."""
    grants = set() if peer.peer is None else set(peer.peer.grants)
    if _BY_ROLE.get(method, "") in peer.roles or not _BY_GRANT.get(method, frozenset()).isdisjoint(grants):
        return
    raise PeerNotEntitledError(f"{peer.id} may not call {method.rpartition('/')[2]} here: its entry in the registry does not allow it")
