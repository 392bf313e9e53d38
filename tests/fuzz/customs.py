"""Readers of the single window's messages, and of the zips that they come in."""

from __future__ import annotations

from connectors.customs.declarations import build_declaration
from connectors.customs.folders import unpack
from connectors.customs.join import fact_of
from connectors.customs.messages import read_message
from connectors.errors import DeliveryError
from tests.fuzz.judge import Parser
from tests.support.customs import declaration, enveloped, failure, old_receipt, receipt, response, wrapped, zipped


def customs_parsers() -> dict[str, Parser]:
    """One reader for all kinds of messages, from a true one of each kind on."""
    sent = build_declaration(declaration(lines=1))
    return {
        "customs-declaration": Parser(_read, (sent, wrapped(sent))),
        "customs-response": Parser(_read, (response(), response(seq_no="", code="1", error="no"))),
        "customs-receipt": Parser(_read, (receipt(),)),
        "customs-old-receipt": Parser(_read, (old_receipt(), old_receipt(declared=False))),
        "customs-failure": Parser(_read, (failure(),)),
        "customs-envelope": Parser(_read, (enveloped(receipt()),)),
        "customs-zip": Parser(_unpack, (zipped({"a.xml": receipt(), "b.xml": response()}),)),
    }


def _read(data: bytes) -> None:
    fact_of(read_message(data).message)


def _unpack(data: bytes) -> None:
    for piece in unpack(data):
        if piece.fault:
            raise DeliveryError(piece.fault)
        _read(piece.data)
