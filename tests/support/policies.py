"""A gateway with policies over a zone in memory: a real register, a released epoch of a flag model, enterprises that sign for themselves."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from httpx import Response

from crypto.encoding import canonical_json, sha256
from crypto.keygen import PrivateKey
from crypto.subjects import subject_id
from gateway.register.book import Register
from gateway.register.checked import FactsConnector
from gateway.register.settings import RegisterTable
from nodes.packs import shipped_pack
from nodes.records.deliveries import Intake
from nodes.records.runner import Runner, turns_of
from nodes.records.sources import open_sources
from nodes.records.store import RecordStore
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.web.request_document import POLICY_MATCHES, POLICY_STEPS, Endpoint
from nodes.runtime.web.signed_requests import sign_request
from scoring.indicators.model import Model, load_pack
from scoring.statements import PaperPayee, PolicyPaper, PolicyStep, Title
from simulators.population import firm_panel
from simulators.population.register import publish_register
from simulators.zone.layout import demo_plan
from simulators.zone.register import HEADERS, MAPPING
from tests.support.databases import database_in
from tests.support.gateway import Front, front
from tests.support.members import ZONE
from tests.support.waiting import until
from tests.support.zone import BASE, MemoryZone

ROSTER_KEY = b"k" * 32
CODES = [firm.uscc for firm in firm_panel.load(1995, 0).first(12).firms]
SUBJECTS = [subject_id(ROSTER_KEY, code) for code in CODES]
FLAGS = "policy-neeq"
EPOCH_TIMEOUT_S = 60.0
PAYEE = {"name": "测试公司", "bank": "测试银行滨江支行", "account": "6222000000000001"}


def register_of(directory: Path, rows: Sequence[Mapping[str, str]]) -> Register:
    """A register that has read ``rows`` through the mapping that a real zone has."""
    folder = publish_register(firm_panel.load(1995, 0).first(0), demo_plan(), directory).parent
    (folder / "register-1995.csv").unlink()
    table = RegisterTable(connectors=(folder.parent / MAPPING,), roster_key_file=directory / "none")
    engine = database_in(directory / "state", "records", name="register")
    intake = Intake(engine, lambda: 1_700_000_000)
    lines = [",".join(HEADERS.values())] + [",".join(row.get(key, "") for key in HEADERS) for row in rows]
    (folder / "all.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Runner(intake, [FactsConnector(source.connector) for source in open_sources(table, directory / "state")], turns_of(directory / "state")).run()
    return Register(RecordStore(engine), intake, ROSTER_KEY, {"330108": Title(zh="滨江区", en="Binjiang")})


def firm(place: int, **facts: str) -> dict[str, str]:
    """A row of the register."""
    said = {"uscc": CODES[place], "period": "1995", "company": f"公司{place}", "division": "330108", "trade": "C3610", "founded": "1990-03-04"}
    return {**said, **facts}


@dataclass
class Town:
    """The gateway and its enterprises. ``keys``: their key ids by subject."""

    front: Front
    zone: MemoryZone
    keys: dict[str, str]

    def settle(self) -> None:
        """Every step that is kept reaches the log."""
        assert self.front.policies.courier.drain() == 0

    def ask(self, subject: str, endpoint: Endpoint = POLICY_MATCHES, body: Mapping[str, Any] | None = None, key: str = "") -> Response:
        """A request signed with the enterprise's own key, or with another."""
        signer = self.zone.keys.signers[key or self.keys[subject]]
        content = canonical_json({"subject": subject, **(body or {})})
        return self.front.send(sign_request(signer, endpoint, BASE, content, now=self.zone.now, nonce=secrets.token_urlsafe(16)))

    def standing(self, subject: str, policy: str) -> dict[str, Any]:
        """How the gateway tells an enterprise that it stands."""
        answer = self.ask(subject)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = {item["id"]: item for item in answer.json()["policies"]}[policy]
        return found

    def take(self, subject: str, policy: str, name: str, *, claim: Mapping[str, Any] | None = None, key: str = "", **paper: Any) -> Response:
        """An enterprise's step of its claim, or of a new one; ``paper`` changes what it says."""
        key = key or self.keys[subject]
        standing = self.standing(subject, policy)
        known = claim or standing["claim"] or {"id": secrets.token_hex(16), "amount_fen": standing["award_fen"], "last": ""}
        payee = PaperPayee(**PAYEE) if name in {"confirmed", "filed"} else None
        said = PolicyPaper(
            claim=known["id"], policy=policy, subject=subject, amount_fen=known["amount_fen"], step=name, by=key, at=self.zone.now, payee=payee,  # type: ignore[arg-type]  # parsed
            nonce=fresh_nonce(),
        ).model_copy(update=paper)  # fmt: skip
        document = said.to_bytes()
        statement = PolicyStep(
            zone=ZONE, nonce=fresh_nonce(), claim=known["id"], step=name, service="enterprise", previous=known["last"], paper=sha256(document).hex()  # type: ignore[arg-type]  # parsed
        )  # fmt: skip
        envelope = sign_statement(statement, self.zone.keys.signers[key])
        body = {"envelope": base64.b64encode(envelope).decode(), "paper": base64.b64encode(document).decode()}
        return self.ask(subject, POLICY_STEPS, body, key)


def town(
    private_key: PrivateKey, directory: Path, rows: Sequence[Mapping[str, str]], met: Sequence[int], model: str = FLAGS, also: Sequence[str] = ()
) -> Town:
    """Enterprises of ``rows``; ``met``: how many flags of ``model`` each of the twelve in the roster meets, as a released epoch
    opened it. ``also``: models that are admitted and never evaluated."""
    zone = MemoryZone(private_key)
    zone.found()
    zone.subjects, zone.gated = list(SUBJECTS), set()
    for name in also:
        _admit(zone, name)
    flags = _admit(zone, model)
    names = list(flags.indicators)
    zone.points = {subject: {name: 100 * (place < met[at]) for place, name in enumerate(names)} for at, subject in enumerate(SUBJECTS)}
    made = front(zone, directory, register=register_of(directory, rows))
    _evaluate(zone, made, model)
    return Town(made, zone, {subject: zone.enrol(subject) for subject in SUBJECTS})


def _admit(zone: MemoryZone, name: str) -> Model:
    model = load_pack(shipped_pack(name))
    zone.view.models[model.sha256] = model  # type: ignore[index]  # the ledger made it of a dict
    zone.model = model
    zone.say(zone.admission(), "authority")
    return model


def _evaluate(zone: MemoryZone, made: Front, epoch: str) -> None:
    """An epoch of the flag model, opened by the gateway itself from ciphertexts."""
    zone.staged = {}
    zone.compile(epoch)
    zone.say(zone.roster_statement(), "market")
    stages = zone.say(zone.stages_statement(), "science")
    zone.say(zone.opening_statement(stages.index), "authority")
    zone.contribute_columns(epoch=epoch)
    answer = made.staff("POST", f"/v1/epochs/{epoch}:close", {})
    assert answer.status_code == 202, answer.text
    until(lambda: made.staff("GET", f"/v1/epochs/{epoch}").json()["state"] == "RELEASED", f"{epoch} is released", EPOCH_TIMEOUT_S)
