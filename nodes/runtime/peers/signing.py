"""Statements leave a process signed: the one place where a statement becomes an envelope."""

from __future__ import annotations

import secrets

from crypto.statements import SignKey, sign_envelope
from scoring.statements import Statement


def fresh_nonce() -> str:
    """32 random hex digits: a statement's nonce [L2]."""
    return secrets.token_hex(16)


def sign_statement(statement: Statement, *signers: SignKey) -> bytes:
    """Exact bytes of the DSSE envelope of ``statement``."""
    return sign_envelope(statement.payload_type(), statement.payload(), *signers)
