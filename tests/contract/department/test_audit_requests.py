"""What a department opens to an auditor: exactly what was drawn, on the log's own evidence, and nothing else to anybody [P6, P2.4]."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from crypto.keygen import PrivateKey
from crypto.merkle import MemoryTree
from crypto.notes import COSIGNATURE_V1, ED25519, NoteSigner
from crypto.subjects import subject_id
from nodes.auditor.draws.cases import draw_case, failure_case, requests_of
from nodes.runtime.peers.signing import fresh_nonce, sign_statement
from nodes.runtime.replica import relay
from nodes.runtime.replica.audit_messages import AskedItem, OpeningAnswer, OpeningRequest
from nodes.runtime.replica.evidence import LoggedEntry, gather
from nodes.runtime.replica.members import MembersSink
from nodes.runtime.replica.relay import AUDIT_OPENING, AUDIT_REQUEST
from protos.v1.exchange_pb2 import Sealed, WorkItem
from scoring.draws.selection import commitment_of
from scoring.exchange.view import verify_key
from scoring.statements import AuditCommit, AuditReveal, EpochClose, Failure, MemberChange, parse_leaf
from simulators.population import firm_panel
from simulators.population.tables import Population
from tests.support.departments import EPOCH, MEMBER_OF, ROSTER_KEY, DepartmentZone
from tests.support.draws import ProvingLog, close_epoch, contribute_rows, failed_ticket, release_epoch
from tests.support.exchange import HeldZone
from tests.support.ledger import Ledger
from tests.support.members import ZONE

R = bytes(range(32))
NODE = "ip"  # owns two indicators


@pytest.fixture(scope="module")
def firms() -> Population:
    whole = firm_panel.load()
    return Population(whole.pack, whole.period, whole.owners, whole.firms[::60])


@dataclass
class Drawn:
    """A zone with a revealed draw of one batch of each column. ``request``: what the department ``NODE`` is asked for."""

    zone: DepartmentZone
    request: OpeningRequest

    def ask(self, request: OpeningRequest, sender: str = "auditor", signer: str = "", matter: relay.SubjectMatter = AUDIT_REQUEST) -> None:
        keys = self.zone.ledger.keys
        sealed = relay.seal_message(request, keys.sealing(NODE), keys.signers[signer or sender], sender=sender, to=NODE, matter=matter)
        self.zone.nodes[NODE].do(WorkItem(sealed=Sealed(sender=sender, subject_matter=matter, sealed=sealed)))

    def answers(self, to: str = "auditor") -> list[OpeningAnswer]:
        keys, node = self.zone.ledger.keys, self.zone.nodes[NODE]
        registered = [verify_key(keys.signing(NODE))]
        return [
            relay.open_message(OpeningAnswer, sealed, keys.hpke[to], registered, sender=NODE, to=to, matter=AUDIT_OPENING)
            for _, sealed in node.exchange.sent(f"relay/{to}/audit-opening")
        ]

    def refusals(self) -> list[str]:
        return [logged.statement.reason for logged in self.zone.ledger.view.refusals if logged.actor == NODE]


@pytest.fixture(scope="module")
def closed(small_private_key: PrivateKey, firms: Population, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], DepartmentZone]:
    """Makes a zone whose columns are committed to be drawn, contributed, and closed."""
    founded = Ledger(small_private_key)
    founded.found()
    tables = {MEMBER_OF[table.member]: (table.columns, list(table.rows)) for table in firms.tables()}

    def make(root: Path) -> DepartmentZone:
        zone = DepartmentZone.build(founded.fork(), root, tables)
        opened = zone.prepare()
        zone.ledger.say(commitment(), "auditor")
        zone.contribute(opened)
        close_epoch(zone)
        return zone

    return make


@pytest.fixture
def drawn(closed: Callable[[Path], DepartmentZone], tmp_path: Path) -> Drawn:
    zone = closed(tmp_path)
    zone.ledger.say(reveal(zone), "auditor")
    return Drawn(zone, request_of(zone))


def commitment(count: int = 1, r: bytes = R) -> AuditCommit:
    return AuditCommit(zone=ZONE, nonce=fresh_nonce(), epoch=EPOCH, draw="columns", count=count, commitment=commitment_of(r), due_s=600)


def reveal(zone: DepartmentZone) -> AuditReveal:
    (digest,) = zone.ledger.view.draws
    return AuditReveal(zone=ZONE, nonce=fresh_nonce(), commit=digest, r=R.hex())


def request_of(zone: DepartmentZone) -> OpeningRequest:
    view, log = zone.ledger.view, ProvingLog(zone.ledger)
    (state,) = view.draws.values()
    case = draw_case(HeldZone(view), state, log.client(), lambda index: zone.ledger.entries[index])
    return requests_of(view, case)[NODE]


def undrawn(drawn: Drawn) -> AskedItem:
    """Another batch of a drawn column."""
    first = drawn.request.items[0]
    batches = drawn.zone.ledger.view.contributions[first.leaf_index].statement.header.batches
    return first.model_copy(update={"position": next(place for place in range(batches) if place != first.position)})


# --- what is opened ---


def test_exactly_the_drawn_batches_are_opened(drawn: Drawn) -> None:
    drawn.ask(drawn.request)
    answers = drawn.answers()
    assert [(answer.contribution, answer.position) for answer in answers] == [(item.contribution, item.position) for item in drawn.request.items]
    assert len(answers) == 2
    for answer in answers:
        (shown,) = answer.shown
        assert (shown.contribution, shown.position) == (answer.contribution, answer.position)
        assert shown.exponent
        assert not answer.reason


def test_a_batch_that_was_not_drawn_stays_closed(drawn: Drawn) -> None:
    drawn.ask(drawn.request.model_copy(update={"items": (undrawn(drawn), *drawn.request.items)}))
    refused, *others = drawn.answers()
    assert (refused.reason, refused.shown) == ("NOT_DRAWN", ())
    assert all(answer.shown for answer in others)
    assert drawn.refusals() == ["NOT_DRAWN"]


def test_a_row_is_not_opened_by_a_draw_of_columns(drawn: Drawn, firms: Population) -> None:
    zone = drawn.zone
    contribute_rows(zone, zone.ledger.view.at(zone.ledger.view.epoch(EPOCH).open_index), [firms.firms[0].uscc])
    row = next(item for item in zone.ledger.view.contributions.values() if item.statement.header.kind == "row" and item.actor == NODE)
    for position in (-1, 0):
        item = AskedItem(contribution=row.digest, leaf_index=row.index, position=position)
        drawn.ask(drawn.request.model_copy(update={"items": (item,)}))
        assert drawn.answers()[-1].reason == "NOT_DRAWN"


def test_the_same_request_again_gets_the_same_bytes(drawn: Drawn) -> None:
    drawn.ask(drawn.request)
    drawn.ask(drawn.request)
    sent = drawn.zone.nodes[NODE].exchange.sent("relay/auditor/audit-opening")
    assert sent[:2] == sent[2:]


# --- evidence ---


def entries_of(drawn: Drawn, kind: type[AuditCommit | AuditReveal | EpochClose]) -> list[LoggedEntry]:
    digests = {logged.digest for logged in drawn.zone.ledger.view.statements.values() if isinstance(logged.statement, kind)}
    return [entry for entry in drawn.request.evidence.entries if any(digest in bytes.fromhex(entry.leaf).decode() for digest in digests)]


def without(drawn: Drawn, kind: type[AuditCommit | AuditReveal | EpochClose]) -> OpeningRequest:
    gone = entries_of(drawn, kind)
    assert len(gone) == 1
    evidence = drawn.request.evidence
    return drawn.request.model_copy(
        update={"evidence": evidence.model_copy(update={"entries": tuple(item for item in evidence.entries if item not in gone)})}
    )


@pytest.mark.parametrize("kind", [AuditCommit, AuditReveal, EpochClose])
def test_without_commitment_close_or_number_in_the_log_nothing_is_opened(drawn: Drawn, kind: type[AuditCommit | AuditReveal | EpochClose]) -> None:
    drawn.ask(without(drawn, kind))
    assert {answer.reason for answer in drawn.answers()} == {"NOT_DRAWN"}
    assert not any(answer.shown for answer in drawn.answers())


def test_a_checkpoint_that_no_witness_signed_opens_nothing(drawn: Drawn) -> None:
    note = drawn.request.evidence.checkpoint
    lonely = note[: note.index("\n\n") + 2] + note[note.index("\n\n") + 2 :].split("\n")[0] + "\n"
    drawn.ask(drawn.request.model_copy(update={"evidence": drawn.request.evidence.model_copy(update={"checkpoint": lonely})}))
    assert {answer.reason for answer in drawn.answers()} == {"NOTE_INVALID"}


def test_a_draw_committed_to_after_the_close_opens_nothing(drawn: Drawn) -> None:
    """The log takes any auditor's statement; that it came too late is seen from where it stands."""
    zone, ledger = drawn.zone, drawn.zone.ledger
    late = sign_statement(commitment(8), ledger.keys.signers["auditor"])
    ledger.append(late, "auditor", "audit-commit")
    shown = AuditReveal(zone=ZONE, nonce=fresh_nonce(), commit=digest_at(zone, -1), r=R.hex())
    ledger.append(sign_statement(shown, ledger.keys.signers["auditor"]), "auditor", "audit-reveal")
    assert set(ledger.view.void) == {len(ledger.entries) - 2, len(ledger.entries) - 1}
    drawn.ask(forged(drawn, len(ledger.entries) - 2, len(ledger.entries) - 1))
    assert {answer.reason for answer in drawn.answers()} == {"NOT_DRAWN"}


def test_a_number_that_was_not_committed_to_opens_nothing(drawn: Drawn) -> None:
    ledger = drawn.zone.ledger
    (commit,) = (state.committed.index for state in ledger.view.draws.values())
    shown = AuditReveal(zone=ZONE, nonce=fresh_nonce(), commit=digest_at(drawn.zone, commit), r="ab" * 32)
    ledger.append(sign_statement(shown, ledger.keys.signers["auditor"]), "auditor", "audit-reveal")
    drawn.ask(forged(drawn, commit, len(ledger.entries) - 1))
    assert {answer.reason for answer in drawn.answers()} == {"NOT_DRAWN"}


def test_another_tree_as_the_draws_opens_nothing(drawn: Drawn) -> None:
    evidence = drawn.request.evidence
    for changes in ({"root": "ab" * 32}, {"size": evidence.size + 1}):
        drawn.ask(drawn.request.model_copy(update={"evidence": evidence.model_copy(update=changes)}))
        assert drawn.answers()[-1].reason in {"MERKLE_INVALID", "NOT_DRAWN"}
        assert not drawn.answers()[-1].shown


def test_a_fork_signed_by_log_and_witness_of_other_keys_opens_nothing(drawn: Drawn) -> None:
    ledger = drawn.zone.ledger
    leaves = [leaf for leaf, _ in ledger.entries]
    log = NoteSigner(ledger.log_signer.key.name, ED25519, bytes(32))
    witness = NoteSigner(ledger.witness_signer.key.name, COSIGNATURE_V1, bytes(32))
    note = sign_checkpoint(Checkpoint(log.key.name, len(leaves), MemoryTree(leaves).root()), log)
    note += cosign(note, witness, ledger.now)
    drawn.ask(drawn.request.model_copy(update={"evidence": drawn.request.evidence.model_copy(update={"checkpoint": note.decode()})}))
    assert {answer.reason for answer in drawn.answers()} == {"NOTE_INVALID"}


@pytest.mark.parametrize("sender", ["bank-a", "coordinator", "tax"])
def test_who_is_no_auditor_is_not_even_answered(drawn: Drawn, sender: str) -> None:
    drawn.ask(drawn.request, sender)
    assert not drawn.answers(sender)
    assert drawn.refusals() == ["ROLE_MISSING"]


def test_an_auditor_that_left_the_zone_is_not_answered(drawn: Drawn) -> None:
    """The department follows the log for its members: it need not be told, and cannot be kept from knowing."""
    ledger = drawn.zone.ledger
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="leave", member=ledger.keys.member("auditor"))
    left = ledger.say(change, "authority")
    MembersSink(drawn.zone.nodes[NODE].office.trust.registry).apply(left.index, left.leaf, left.envelope)
    drawn.ask(drawn.request)
    assert not drawn.answers()
    assert drawn.refusals() == ["SIGNER_UNKNOWN"]


def test_a_request_that_the_auditor_did_not_sign_is_not_answered(drawn: Drawn) -> None:
    drawn.ask(drawn.request, "auditor", signer="coordinator")
    assert not drawn.answers()
    assert drawn.refusals() == ["SIGNATURE_INVALID"]


def digest_at(zone: DepartmentZone, index: int) -> str:
    return parse_leaf(zone.ledger.entries[index][0]).digest


def forged(drawn: Drawn, commit: int, shown: int) -> OpeningRequest:
    """A request on the strength of another commitment and number, with everything else as it was, under the newest checkpoint."""
    zone, entries = drawn.zone, drawn.zone.ledger.entries
    close = zone.ledger.view.epoch(EPOCH).close_index
    assert close is not None
    evidence = gather(ProvingLog(zone.ledger).client(), {index: entries[index] for index in (commit, shown, close)}, close + 1)
    return drawn.request.model_copy(update={"cause": digest_at(zone, commit), "evidence": evidence})


# --- failed tickets [P2.4] ---


@pytest.fixture
def failed(closed: Callable[[Path], DepartmentZone], firms: Population, tmp_path: Path) -> Drawn:
    """A released zone with a bank's failed ticket, and what the department is asked for because of it."""
    zone, uscc = closed(tmp_path), firms.firms[0].uscc
    release_epoch(zone)
    contribute_rows(zone, zone.ledger.view.at(zone.ledger.view.epoch(EPOCH).open_index), [uscc])
    failed_ticket(zone, subject_id(ROSTER_KEY, uscc))
    (state,) = zone.ledger.view.failures.values()
    case = failure_case(HeldZone(zone.ledger.view), state, ProvingLog(zone.ledger).client(), lambda index: zone.ledger.entries[index], 600)
    return Drawn(zone, requests_of(zone.ledger.view, case)[NODE])


def test_exactly_the_inputs_of_a_failed_ticket_are_opened(failed: Drawn) -> None:
    failed.ask(failed.request)
    assert [(answer.position, len(answer.shown)) for answer in failed.answers()] == [(item.position, 1) for item in failed.request.items]
    column = next(item for item in failed.zone.ledger.view.contributions.values() if item.statement.header.kind == "column" and item.actor == NODE)
    more = AskedItem(contribution=column.digest, leaf_index=column.index, position=0)
    failed.ask(failed.request.model_copy(update={"items": (more,)}))
    assert failed.answers()[-1].reason == "NOT_DRAWN"


def test_a_failure_that_the_audience_did_not_report_opens_nothing(failed: Drawn) -> None:
    """Another bank says that the ticket failed: the log takes it, and whoever replays it finds it void."""
    zone, ledger = failed.zone, failed.zone.ledger
    (state,) = ledger.view.failures.values()
    false = sign_statement(Failure(zone=ZONE, nonce=fresh_nonce(), ticket=state.ticket.digest), ledger.keys.signers["bank-b"])
    ledger.append(false, "bank-b", "failure")
    last = len(ledger.entries) - 1
    assert last in ledger.view.void
    evidence = gather(ProvingLog(ledger).client(), {index: ledger.entries[index] for index in (state.ticket.index, last)})
    failed.ask(failed.request.model_copy(update={"cause": digest_at(zone, last), "evidence": evidence}))
    assert {answer.reason for answer in failed.answers()} == {"SIGNER_NOT_ALLOWED"}
