"""A product's terms as they come in an envelope: from an institution's own book, the gateway's catalog, the log, or another member [E1]."""

from __future__ import annotations

from crypto.statements import check_signature, parse_envelope
from scoring.errors import StatementFormatError, WrongSignerError, ZoneMismatchError
from scoring.exchange.registry import MemberRegistry
from scoring.statements import ProductTerms, parse_statement


def terms_in(envelope: bytes) -> ProductTerms:
    """The terms in an envelope, whoever signed them. Raises EnvelopeFormatError, StatementFormatError."""
    parsed = parse_envelope(envelope)
    terms = parse_statement(parsed.payload_type, parsed.payload)
    if not isinstance(terms, ProductTerms):
        raise StatementFormatError(f"this is a {terms.kind}, not terms of a product")
    return terms


def signed_terms(envelope: bytes, registry: MemberRegistry) -> ProductTerms:
    """Terms that the institution in them signed, for the zone of ``registry``: one that is a member of several may use one key in all.

    Raises as ``terms_in``; ZoneMismatchError, SignerUnknownError, SignatureError, KeyFormatError, WrongSignerError.
    """
    parsed, terms = parse_envelope(envelope), terms_in(envelope)
    if terms.zone != registry.genesis.zone:
        raise ZoneMismatchError(f"these terms belong to zone {terms.zone!r}, this is {registry.genesis.zone!r}")
    signer = registry.key(parsed.key_ids[0])
    check_signature(parsed, signer.verifier)
    if signer.member.id != terms.institution:
        raise WrongSignerError(f"terms of {terms.institution} are signed by {signer.member.id}")
    return terms
