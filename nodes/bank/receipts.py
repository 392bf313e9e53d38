"""Receipts: built from an opened release, verified offline like a stranger would, then kept in the database and as a file [P5.5]."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, String, Table, desc, insert, select

from crypto.encoding import canonical_json
from crypto.paillier import PublicKey
from nodes.errors import NotFoundError
from nodes.evidence.receipt import Verified, verify_receipt
from nodes.evidence.roots import Roots
from nodes.runtime.database import reading, writing
from nodes.runtime.files import make_private_directory, write_private
from nodes.runtime.replica.releases import Released, published_band
from nodes.runtime.web.request_document import RequestDocument
from scoring.indicators.describe import points
from scoring.indicators.functional import functional
from scoring.release.receipt import (
    FORMAT,
    Receipt,
    ReceiptKey,
    ReceiptModel,
    ReceiptOpening,
    RequestRecord,
    Result,
    WeightedTerm,
)
from scoring.rules.credit import line_fen

METADATA = MetaData()
RECEIPTS = Table(
    "receipts",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("subject", String(32), nullable=False, index=True),
    Column("product", String(64), nullable=False),
    Column("ticket_leaf_index", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
)


def build_receipt(released: Released, key: PublicKey, product: str, document: RequestDocument) -> Receipt:
    """The receipt of an opened release. Raises RangeError when an opened value is impossible under the model [P2.4]."""
    ticket, model, evidence = released.ticket, released.model, released.evidence
    openings = tuple(_opening(released, place, key) for place in range(len(ticket.openings)))
    parts = evidence.model_dump(exclude={"inputs", "aggregates"})
    return Receipt.model_validate(
        {
            **parts,
            "format": FORMAT,
            "zone": ticket.zone,
            "epoch": ticket.epoch,
            "model": ReceiptModel(id=model.id, version=model.version, sha256=model.sha256),
            "audience": ticket.audience,
            "subject": ticket.subject,
            "purpose": ticket.purpose,
            "product": product,
            "public_key": ReceiptKey(bits=str(key.bits), n=str(key.n), h=str(key.h)),
            "openings": openings,
            "result": _result(released, product),
            "request": RequestRecord(method=document.method, target_uri=document.target_uri, headers=document.headers, body=document.body),
        }
    )


def _opening(released: Released, place: int, key: PublicKey) -> ReceiptOpening:
    line, opened = released.ticket.openings[place], released.openings[place]
    form = functional(released.model, line.functionals[0], released.ticket.stage)
    wanted = [(term.indicator, term.functional) for term in form.terms]
    inputs = {(item.indicator, item.functional): item for item in released.evidence.inputs}
    return ReceiptOpening(
        name=form.name,
        functional=tuple(WeightedTerm(indicator=term.indicator, functional=term.functional, weight=str(term.weight)) for term in form.terms),
        constant=str(form.constant),
        inputs=tuple(inputs[entry] for entry in wanted if entry in inputs),
        aggregate=str(released.aggregates[place]),
        m=str(opened.m % key.n),
        r=str(opened.r),
    )


def _result(released: Released, product: str) -> Result:
    ticket, model = released.ticket, released.model
    readings = {
        line.functionals[0]: model.read(functional(model, line.functionals[0], ticket.stage), opened.m)
        for line, opened in zip(ticket.openings, released.openings, strict=True)
    }
    offered = model.products[product]
    main = readings[offered.functional]
    singles = {name: readings[name].value_hundredths for name in offered.singles}
    line = line_fen(offered, ticket.stage, main.value_hundredths, main.gated, singles)
    percentile = published_band(released, offered.functional, main.value_hundredths)
    return Result(stage=ticket.stage, total=points(main.value_hundredths), percentile=percentile, line_fen=str(line.line_fen), gated=main.gated)


class ReceiptStore:
    """Receipts that verified, in the database and in ``directory``, one file each."""

    def __init__(self, engine: Engine, directory: Path, roots: Roots) -> None:
        self._engine, self._directory, self._roots = engine, make_private_directory(directory), roots

    def keep(self, receipt_id: str, receipt: Receipt) -> Verified:
        """Verify ``receipt`` against the pinned roots, then keep it. Raises ReceiptError when anything in it does not hold."""
        document = canonical_json(receipt.model_dump(mode="json"))
        verified = verify_receipt(document, self._roots)
        values = {"id": receipt_id, "subject": verified.subject, "product": verified.product, "ticket_leaf_index": verified.ticket_leaf_index}
        write_private(self._directory / f"{receipt_id}.json", document)  # first: what the table lists has its file, also after a crash
        with writing(self._engine) as connection:
            if connection.execute(select(RECEIPTS.c.id).where(RECEIPTS.c.id == receipt_id)).one_or_none() is None:
                connection.execute(insert(RECEIPTS).values({**values, "document": document}))
        return verified

    def get(self, receipt_id: str) -> dict[str, Any]:
        """A kept receipt. Raises NotFoundError."""
        found: dict[str, Any] = json.loads(self.document(receipt_id))
        return found

    def document(self, receipt_id: str) -> bytes:
        """The exact bytes of a kept receipt, as they verify. Raises NotFoundError."""
        with reading(self._engine) as connection:
            document = connection.execute(select(RECEIPTS.c.document).where(RECEIPTS.c.id == receipt_id)).scalar_one_or_none()
        if document is None:
            raise NotFoundError("this bank has no such receipt")
        exact: bytes = document
        return exact

    def listed(self) -> list[dict[str, Any]]:
        """Every receipt's id, subject, product and ticket leaf, the newest first."""
        columns = (RECEIPTS.c.id, RECEIPTS.c.subject, RECEIPTS.c.product, RECEIPTS.c.ticket_leaf_index)
        with reading(self._engine) as connection:
            return [dict(row._mapping) for row in connection.execute(select(*columns).order_by(desc(RECEIPTS.c.ticket_leaf_index))).all()]

    def documents(self) -> Iterator[tuple[str, bytes]]:
        """Id and exact bytes of every kept receipt, by id."""
        with reading(self._engine) as connection:
            for row in connection.execute(select(RECEIPTS.c.id, RECEIPTS.c.document).order_by(RECEIPTS.c.id)):
                yield row.id, row.document
