"""Every place where bytes from outside are read, as a function of bytes, with true documents of a small zone as seeds."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from crypto.encoding import canonical_json
from crypto.keygen import PrivateKey
from crypto.sealing import seal
from crypto.statements import VerifyKey, parse_envelope, sign_envelope
from nodes.evidence.documents import read_records
from nodes.evidence.receipt import verify_receipt
from nodes.log.admission import Admission
from nodes.packs import pack_path, shipped
from nodes.runtime.replica import relay
from nodes.runtime.web.request_document import SCORES, SCORES_BATCH, Endpoint, RequestDocument
from nodes.runtime.web.requests import verify_release_request
from nodes.runtime.web.signed_requests import sign_request, verify_request
from protos.errors import WireFormatError
from protos.v1 import exchange_pb2
from scoring.exchange.roster import parse_roster, parse_stages
from scoring.indicators.extending.extension import Source, resolve
from scoring.indicators.model import load_pack
from scoring.release.asking import asked
from scoring.release.partials import sealing_aad, sealing_info
from scoring.statements import PAYLOAD_TYPE_PREFIX, parse_leaf, parse_statement
from tests.fuzz.customs import customs_parsers
from tests.fuzz.files import file_parsers
from tests.fuzz.formats import crypto_parsers, log_parsers
from tests.fuzz.judge import Parser, document, read_each
from tests.fuzz.tables import table_parsers
from tests.support.artifacts import receipt_of, records_of, write_zone
from tests.support.bank import opener_of, roots_of
from tests.support.exchange import MemoryExchange, MemoryLog
from tests.support.ledger import PACK
from tests.support.zone import BASE, MemoryZone, released_zone

NAMES: tuple[str, ...] = (
    *("envelope", "ciphertexts", "contribution", "public-key", "ceremony"),
    *("note", "vkey", "checkpoint", "tlog-proof", "tile-path", "entry-bundle", "inclusion-proof", "consistency-proof", "frontier"),
    *("leaf", "statement", "signed-statement", "request-document", "request-headers", "request-body"),
    *(
        "pack",
        "extension",
        "roster",
        "stages",
        "receipt",
        "epoch-records",
        "gateway-answer",
        "sealed-answers",
        "partial",
        "sealed-message",
        "sealed-binding",
    ),
    *("mapping", "table-csv", "table-csv-gb18030", "table-xlsx", "table-sheet", "table-page", "view-cursor"),
    *(f"customs-{name}" for name in ("declaration", "response", "receipt", "old-receipt", "failure", "envelope", "zip")),
    *("settings", "share-file", "token-file", "key-file", "records-file", "records-drop"),
    *(f"pinned-{name}" for name in ("ceremony.dsse.json", "key.json", "log.vkey", "registry.dsse.json", "witness-policy.json", "witnesses.vkey")),
)
HEADERS = ("content-digest", "content-type", "signature", "signature-input")


def all_parsers(private_key: PrivateKey, directory: Path) -> dict[str, Parser]:
    """The whole table, over a released zone with one receipt, whose files are written below ``directory``."""
    directory.chmod(0o700)
    zone = released_zone(private_key)
    made = zone.asked(zone.consent(zone.subjects[0]))
    answer = MemoryExchange(zone, MemoryLog(zone)).release(made.document.to_bytes(), "")
    receipt = receipt_of(zone, made, next(logged for logged in zone.view.tickets.values() if logged.statement.request == made.document.digest))
    public = write_zone(zone, directory / "zone") / "public"
    return (
        crypto_parsers(zone)
        | log_parsers(zone)
        | _statements(zone)
        | _requests(zone, made.document)
        | _documents(zone, canonical_json(receipt))
        | _sealed(zone, answer)
        | table_parsers()
        | customs_parsers()
        | file_parsers(zone, public, directory)
    )


def _statements(zone: MemoryZone) -> dict[str, Parser]:
    """Seeds are a kind, a line feed, and the payload of a statement of this kind."""
    payloads = {json.loads(leaf)["kind"]: parse_envelope(envelope).payload for leaf, envelope in zone.entries}
    seeds = tuple(f"{kind}\n".encode() + payload for kind, payload in payloads.items())
    admission = Admission(zone.entries[0][1])

    def read(data: bytes) -> None:
        kind, _, body = data.partition(b"\n")
        parse_statement(f"{PAYLOAD_TYPE_PREFIX}{kind.decode('latin-1')}.v1+json", body)

    def read_signed(data: bytes) -> None:
        """What a member has really signed, whatever it says, judged by the log and by everyone's view of it."""
        kind, _, body = data.partition(b"\n")
        payload_type = f"{PAYLOAD_TYPE_PREFIX}{kind.decode('latin-1')}.v1+json"
        signed = [sign_envelope(payload_type, body, zone.keys.signers[name]) for name in ("authority", "coordinator", "tax", "market")]
        read_each([*(partial(admission.admit, "coordinator", envelope, "key") for envelope in signed)])
        read_each([*(partial(zone.view.judge, envelope, zone.now) for envelope in signed)])

    return {
        "leaf": Parser(parse_leaf, tuple(leaf for leaf, _ in zone.entries[:40:8])),
        "statement": Parser(read, seeds),
        "signed-statement": Parser(read_signed, seeds),
    }


def _requests(zone: MemoryZone, request: RequestDocument) -> dict[str, Parser]:
    lines = "\n".join([*(value for _, value in request.headers), request.body]).encode()

    def read_document(data: bytes) -> None:
        verify_release_request(zone.view, RequestDocument.parse(data), "", zone.now)

    def read_headers(data: bytes) -> None:
        values = data.split(b"\n", 4)
        headers = [(name, value.decode("latin-1")) for name, value in zip(HEADERS, values, strict=False)]
        received = RequestDocument.from_http("POST", BASE + SCORES.path, headers, b"".join(values[4:]))
        verify_request(received, SCORES, zone.view.request_keys(), now=zone.now, base=BASE)

    def read_body(data: bytes) -> None:
        """A body that a bank has really signed, whatever it says."""

        def read(endpoint: Endpoint, subject: str) -> None:
            signed = sign_request(zone.keys.signers["bank-a"], endpoint, BASE, data, now=zone.now, nonce="n" * 16)
            asked(endpoint.path, verify_request(signed, endpoint, zone.view.request_keys(), now=zone.now, base=BASE).body, subject)

        read_each([partial(read, SCORES, ""), partial(read, SCORES_BATCH, "0" * 32)])

    item = json.loads(request.body) | {"subject": "0" * 32}
    return {
        "request-document": Parser(read_document, (request.to_bytes(),)),
        "request-headers": Parser(read_headers, (lines,)),
        "request-body": Parser(read_body, (request.body.encode(), canonical_json({"items": [item]}))),
    }


def _documents(zone: MemoryZone, receipt: bytes) -> dict[str, Parser]:
    roster, stages = (zone.blobs[next(iter(items.values())).statement.sha256] for items in (zone.view.rosters, zone.view.stages))

    def read_epoch_records(data: bytes) -> None:
        try:
            read_records(data)
        except ValueError as error:  # so it says; the auditor makes a finding of it
            raise WireFormatError(str(error)) from error

    order, roots = [stage.id for stage in zone.model.stages], roots_of(zone)
    return {
        "pack": Parser(load_pack, (PACK.read_bytes(),), slow=True),
        "extension": Parser(lambda data: resolve(Source("pack", data), _shipped), (pack_path("torch-20").read_bytes(),), slow=True),
        "roster": Parser(parse_roster, (roster,)),
        "stages": Parser(lambda data: parse_stages(data, order), (stages,)),
        "receipt": Parser(lambda data: verify_receipt(data, roots), (receipt,), slow=True),
        "epoch-records": Parser(read_epoch_records, tuple(canonical_json(record) for record in records_of(zone)[:1])),
    }


def _sealed(zone: MemoryZone, answer: exchange_pb2.ReleaseReply) -> dict[str, Parser]:
    """What comes sealed to a member from whom it need not trust: a gateway's answer, a partial in it, a message, a binding."""
    opener, private = opener_of(zone), zone.keys.hpke["bank-a"]
    partials = [{"custodian": p.custodian, "opening": p.opening, "enc": p.enc.hex(), "ciphertext": p.ciphertext.hex()} for p in answer.partials]
    handed = {"evidence": json.loads(answer.evidence), "sealed": partials}
    market, signer = zone.keys.sealing("market"), zone.keys.signers["enterprise"]
    keys = [VerifyKey(signer.key_id, signer.algorithm, signer.public)]
    ticket = zone.view.at(answer.ticket_leaf_index).digest

    def read_answers(data: bytes) -> None:
        """What a gateway hands over beside evidence that holds."""
        opener.open({**handed, **document(data)}, private)

    def read_partial(data: bytes) -> None:
        """A payload that a custodian has really signed and sealed, whatever it says: left out, and never fatal."""
        envelope = sign_envelope(f"{PAYLOAD_TYPE_PREFIX}partial.v1+json", data, zone.keys.signers["tax"])
        enc, sealed = seal(zone.keys.sealing("bank-a"), sealing_info(ticket, "tax", 0), sealing_aad(0), envelope)
        lie = {"custodian": "tax", "opening": 0, "enc": enc.hex(), "ciphertext": sealed.hex()}
        honest = [item for item in partials if item["custodian"] != "tax"]
        opener.open({**handed, "sealed": [lie, *honest]}, private)

    def read_message(data: bytes) -> None:
        envelope = sign_envelope(f"{PAYLOAD_TYPE_PREFIX}relay.enrolment-request.v1+json", data, signer)
        enc, sealed = seal(market, relay._info("enterprise", "market", "enrolment-request"), b"", envelope)
        relay.open_message(
            relay.EnrolmentRequest, enc + sealed, zone.keys.hpke["market"], keys, sender="enterprise", to="market", matter="enrolment-request"
        )

    def read_binding(data: bytes) -> None:
        enc, sealed = seal(zone.keys.sealing("bank-a"), relay.binding_info("bank-a", "0" * 32), b"", data)
        relay.open_binding((enc + sealed).hex(), private, "bank-a", "0" * 32)

    key = {"key_id": "e-" + "0" * 16, "algorithm": "ed25519", "public": "0" * 64}
    message = {"uscc": "91330108MA2AAAAA00", "key": key, "hpke": "0" * 64, "service": "enterprise"}
    request = {"sender": "enterprise", "to": "market", "message": message}
    said = {"v": 1, "zone": zone.view.zone, "nonce": "0" * 32, "ticket": ticket, "opening": 0, "aggregate": "0" * 64, "custodian": "tax", "index": 1}
    return {
        "gateway-answer": Parser(lambda data: opener.open(document(data), private), (canonical_json(handed),), slow=True),
        "sealed-answers": Parser(read_answers, (canonical_json({"sealed": partials[:2]}),), slow=True),
        "partial": Parser(read_partial, (canonical_json(said | {"generation": 0, "x": "1"}),), slow=True),
        "sealed-message": Parser(read_message, (canonical_json(request),)),
        "sealed-binding": Parser(read_binding, (b'{"binding":"aa","uscc":"91330108MA2AAAAA00"}',)),
    }


def _shipped(name: str, version: str) -> Source | None:
    """The shipped base of an extension."""
    path = shipped().get(f"{name}@{version}")
    return None if path is None else Source("base", path.read_bytes())
