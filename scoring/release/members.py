"""The zone's members as a release shows them: the pinned registry and the logged changes that come with the release.

A statement is judged by the keys of its own time: what was signed before a member changed its keys stays verifiable, and so does what
was signed after, without the whole log. That the changes are in the log is for the caller to check; that none was left out nobody can
tell from a release: whoever needs that replays the log.
"""

from __future__ import annotations

from collections.abc import Iterable

from crypto.statements import check_signature, parse_envelope
from scoring.errors import StatementFormatError, WrongSignerError, ZoneMismatchError
from scoring.exchange.registry import MemberHistory, MemberRegistry
from scoring.exchange.view import verify_key
from scoring.statements import MemberChange, parse_statement


def member_history(pinned: MemberRegistry, changes: Iterable[tuple[int, bytes]]) -> MemberHistory:
    """Members over time by ``changes``: (leaf, envelope), each signed by the authority of its time and approved as P7.1 demands.

    Raises EnvelopeFormatError, StatementFormatError, ZoneMismatchError, SignerUnknownError, SignatureError, WrongSignerError, and as
    ``MemberRegistry.check``.
    """
    history = MemberHistory(pinned)
    for index, raw in changes:
        envelope = parse_envelope(raw)
        change = parse_statement(envelope.payload_type, envelope.payload)
        if not isinstance(change, MemberChange):
            raise StatementFormatError(f"a {change.kind} is no change of members")
        if change.zone != pinned.genesis.zone:
            raise ZoneMismatchError(f"the change is of zone {change.zone!r}")
        signer = history.now.key(envelope.key_ids[0])
        if "authority" not in signer.member.roles:
            raise WrongSignerError(f"only the authority changes members, not {signer.member.id}")
        check_signature(envelope, verify_key(signer.key))
        history.apply(change, index)
    return history
