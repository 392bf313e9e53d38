"""Receipts that show statements which were really signed and logged, but break a rule: what members in league with log and witness could make.

Each is a true receipt in which one statement is replaced by another, logged in a fork of the zone, with every proof made anew.
"""

from __future__ import annotations

import base64
import copy
import json
import secrets
from collections.abc import Callable
from typing import Any

from crypto.checkpoint import TlogProof
from crypto.encoding import canonical_json
from crypto.multiexp import linear_combination
from nodes.runtime.peers.signing import fresh_nonce
from nodes.runtime.web.request_document import SCORES
from nodes.runtime.web.signed_requests import sign_request
from scoring.exchange.view import Logged
from scoring.release.aggregate import aggregate_hash
from scoring.statements import Consent, Entry, MemberChange, Statement, Ticket
from tests.support.artifacts import Evidence, base64_of
from tests.support.epoch import EPOCH
from tests.support.members import ZONE
from tests.support.zone import BASE
from tests.vectors.corpus.zone import CorpusZone, Made

Document = dict[str, Any]


class Forger:
    """A fork of the zone and a copy of a true receipt, to be changed."""

    def __init__(self, made: Made, base: str = "before-release") -> None:
        self.made, self.base = made, base
        self.zone, self.receipt = (made.later if base == "rekeyed" else made.zone).fork(), copy.deepcopy(made.receipts[base])
        self.subject: str = self.receipt["subject"]

    # --- what is in the receipt ---

    @property
    def ticket(self) -> Ticket:
        statement: Ticket = self.zone.view.at(int(self.receipt["ticket_leaf_index"])).statement
        return statement

    @property
    def consent(self) -> Consent:
        statement: Consent = self.made.consents[self.base].statement
        return statement

    # --- changes ---

    def log(self, statement: Statement, signer: str) -> dict[str, str]:
        """Log what ``signer`` says, whether it holds or not: {envelope, leaf, leaf_index}."""
        envelope, index = self.zone.envelope(statement, signer), len(self.zone.entries)
        actor = "enterprise" if signer in self.zone.view.enrolments else signer
        self.zone.append(envelope, actor, statement.kind)
        return {"envelope": base64_of(envelope), "leaf": base64_of(self.zone.entries[index][0]), "leaf_index": str(index)}

    def new_ticket(self, **changes: Any) -> None:
        """Another ticket of the coordinator in place of the receipt's."""
        said = self.log(self.ticket.model_copy(update={"nonce": fresh_nonce()} | changes), "coordinator")
        self.receipt.update(ticket=said["envelope"], ticket_leaf=said["leaf"], ticket_leaf_index=said["leaf_index"])

    def new_consent(self, **changes: Any) -> None:
        """Another consent of the same enterprise, logged, named by another ticket and asked for by another request."""
        consent = self.consent.model_copy(update={"nonce": fresh_nonce(), "id": secrets.token_hex(16)} | changes)
        logged = self.log(consent, self.zone.own_key[self.subject])
        self.receipt["consent"] = logged["envelope"]
        leaf = json.loads(base64.b64decode(logged["leaf"]))
        self.new_request(consent_id=consent.id, consent=leaf["digest"])

    def new_request(self, signer: str = "bank-a", life_s: int = 60, delay_s: int = 0, consent: str = "", **wanted: str) -> None:
        """Another request, and a ticket for it ``delay_s`` later."""
        asked = {"subject": self.subject, "product": "base-line", "purpose": "loan", "consent_id": self.consent.id} | wanted
        nonce = secrets.token_urlsafe(16)
        document = sign_request(self.zone.keys.signers[signer], SCORES, BASE, canonical_json(asked), now=self.zone.now, nonce=nonce, life_s=life_s)
        self.receipt["request"] = document.to_json()
        self.zone.now += delay_s
        self.new_ticket(request=document.digest, request_nonce=nonce, consent=consent or self.ticket.consent)

    def new_row(self, sender: str, part: int, **changes: Any) -> None:
        """Another row of the sender in place of row ``part``, at a later leaf, with the ticket that names it."""
        row = self.zone.view.at(int(self.receipt["rows"][part]["leaf_index"])).statement
        said = self.log(row.model_copy(update={"nonce": fresh_nonce()} | changes), sender)
        self.receipt["rows"][part].update(said)

    def written(self) -> bytes:
        """The receipt with checkpoint and proofs of the fork."""
        evidence, receipt = Evidence(self.zone), self.receipt
        for part in (
            *receipt["rows"],
            receipt["stage_proof"],
            *([receipt["quantile_table"]] if receipt["quantile_table"] else []),
            *receipt.get("members", ()),
        ):
            part["inclusion_proof"] = evidence.proof(int(part["leaf_index"]))
        index = int(receipt["ticket_leaf_index"])
        receipt["inclusion_proof"], receipt["checkpoint"] = evidence.proof(index), evidence.note.decode()
        hashes = tuple(bytes.fromhex(item) for item in receipt["inclusion_proof"])
        receipt["tlog_proof"] = TlogProof(index, hashes, evidence.note).to_bytes().decode()
        return canonical_json(receipt)


def _row(forger: Forger, sender: str) -> int:
    return next(place for place, row in enumerate(forger.receipt["rows"]) if row["member"] == sender)


def other_zone(forger: Forger) -> None:
    forger.new_ticket(zone="other-zone")


def row_of_another(forger: Forger) -> None:
    """A true, logged and proven row of the same department for another enterprise."""
    place, zone = _row(forger, "science"), forger.zone
    other = next(
        item
        for item in zone.view.contributions.values()
        if (item.statement.kind, item.statement.header.sender) == ("row", "science") and item.statement.header.subject != forger.subject
    )
    ciphertexts = [str(zone.ciphertext(other.index, at)) for at in range(other.statement.header.batches)]
    said = {"envelope": base64_of(other.envelope), "leaf": base64_of(other.leaf), "leaf_index": str(other.index)}
    forger.receipt["rows"][place].update(said, ciphertexts=ciphertexts)


def row_not_owned(forger: Forger) -> None:
    """The tax office contributes the science office's indicator, with a proof that holds."""
    zone, place = forger.zone, _row(forger, "science")
    entry = Entry(indicator="rd")
    layout = {"slot_bits": 0, "slots": 1, "batches": 1, "subject": forger.subject, "audience": "bank-a", "consent": forger.ticket.consent}
    header = zone._header("row", "tax", (entry,), 1, EPOCH) | layout
    made = zone._encrypted("tax", header, [1000])
    forger.new_row("tax", place, **made)
    value = int.from_bytes(zone.blobs[made["header"].merkle_root], "big")
    forger.receipt["rows"][place].update(member="tax", ciphertexts=[str(value)])


def row_proof(forger: Forger) -> None:
    """A department's row whose proof does not hold for its ciphertexts."""
    place = _row(forger, "science")
    row = forger.zone.view.at(int(forger.receipt["rows"][place]["leaf_index"])).statement
    proof = row.proof.model_copy(update={"z1": f"{int(row.proof.z1, 16) ^ 1:x}"})
    forger.new_row("science", place, proof=proof)


def stages_by_another(forger: Forger) -> None:
    statement = forger.zone.view.at(int(forger.receipt["stage_proof"]["leaf_index"])).statement
    forger.receipt["stage_proof"].update(forger.log(statement.model_copy(update={"nonce": fresh_nonce()}), "science"))


def stages_of_another_epoch(forger: Forger) -> None:
    statement = forger.zone.view.at(int(forger.receipt["stage_proof"]["leaf_index"])).statement
    forger.receipt["stage_proof"].update(forger.log(statement.model_copy(update={"nonce": fresh_nonce(), "epoch": "another"}), "tax"))


def aggregate_in_ticket(forger: Forger) -> None:
    (opening,) = forger.ticket.openings
    forger.new_ticket(openings=(opening.model_copy(update={"aggregate": "0" * 64}),))


def functional_in_ticket(forger: Forger) -> None:
    (opening,) = forger.ticket.openings
    forger.new_ticket(openings=(opening.model_copy(update={"functional_hashes": ("0" * 64,)}),))


def input_in_ticket(forger: Forger) -> None:
    """The ticket names an earlier contribution than the receipt shows."""
    first, *rest = forger.ticket.inputs
    forger.new_ticket(inputs=(first.model_copy(update={"leaf_index": first.leaf_index - 1}), *rest))


def vetoes_not_opened(forger: Forger) -> None:
    """The strict product is asked for, but its veto is left out of the ticket."""
    forger.receipt["product"] = "strict-line"
    forger.new_request(product="strict-line")


def impossible_value(forger: Forger) -> None:
    """The tax office contributes a thousand times what the model allows; everybody else does his work."""
    zone, subject = forger.zone, forger.subject
    zone.points[subject]["sales"] = 1_000_000
    consent: Logged = forger.made.consents[forger.base]
    row = zone.row("tax", consent, revision=1)
    assert row is not None
    place = _row(forger, "tax")
    forger.receipt["rows"][place].update(forger.log(row, "tax"))
    data, width = zone.blobs[row.header.merkle_root], zone.public_key.ciphertext_size
    values = [int.from_bytes(data[at : at + width], "big") for at in range(0, len(data), width)]
    forger.receipt["rows"][place]["ciphertexts"] = [str(value) for value in values]
    _reopen(forger, zone, int(forger.receipt["rows"][place]["leaf_index"]), place)


def _reopen(forger: Forger, zone: CorpusZone, leaf_index: int, place: int) -> None:
    """The opening anew over the changed row, with the ticket that names it; the custodians open whatever it is."""
    (opening,) = forger.receipt["openings"]
    terms, rows = opening["functional"], forger.receipt["rows"]
    chosen = {(item["indicator"], item["functional"]): (int(item["row"]), int(item["position"])) for item in opening["inputs"]}
    values = [int(rows[row]["ciphertexts"][at]) for row, at in (chosen[term["indicator"], term["functional"]] for term in terms)]
    total = int(linear_combination(zone.public_key, tuple(int(term["weight"]) for term in terms), tuple(values), int(opening["constant"])))
    found = zone.open(total)
    opening.update(aggregate=str(total), m=str(found.m % zone.public_key.n), r=str(found.r))
    inputs = tuple(
        item.model_copy(update={"leaf_index": leaf_index}) if chosen.get((item.indicator, item.functional), (None,))[0] == place else item
        for item in forger.ticket.inputs
    )
    (line,) = forger.ticket.openings
    forger.new_ticket(openings=(line.model_copy(update={"aggregate": aggregate_hash(zone.public_key, total)}),), inputs=inputs)


def table_by_a_bank(forger: Forger) -> None:
    statement = forger.zone.view.at(int(forger.receipt["quantile_table"]["leaf_index"])).statement
    forger.receipt["quantile_table"].update(forger.log(statement.model_copy(update={"nonce": fresh_nonce()}), "bank-a"))


def table_of_another_epoch(forger: Forger) -> None:
    statement = forger.zone.view.at(int(forger.receipt["quantile_table"]["leaf_index"])).statement
    changed = statement.model_copy(update={"nonce": fresh_nonce(), "epoch": "another"})
    forger.receipt["quantile_table"].update(forger.log(changed, "authority"))


def _joining(forger: Forger, signer: str, approved: bool) -> None:
    """A member of the forgers' own, logged and shown in the receipt after the changes that are true."""
    zone = forger.zone
    zone.keys.make("bank-b")
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=zone.keys.member("bank-b"))
    forger.receipt["members"].append(forger.log(zone.approved(change) if approved else change, signer))


def member_unapproved(forger: Forger) -> None:
    _joining(forger, "authority", approved=False)


def member_by_a_bank(forger: Forger) -> None:
    _joining(forger, "bank-a", approved=True)


def stages_that_nobody_owns(forger: Forger) -> None:
    """The authority alone takes the stages' owner its role, and another department states the stages."""
    zone = forger.zone
    owner = zone.keys.member("tax")
    idle = owner.model_copy(update={"roles": tuple(role for role in owner.roles if role != "department")})
    change = MemberChange(zone=ZONE, nonce=fresh_nonce(), action="rekey", member=idle)
    forger.receipt["members"].append(forger.log(change, "authority"))
    stages_by_another(forger)


FORGERIES: dict[str, tuple[str, Callable[[Forger], None]]] = {
    # name: (reason that it must get, what is forged)
    "members-unapproved": ("MEMBERS_INVALID", member_unapproved),
    "members-by-a-bank": ("MEMBERS_INVALID", member_by_a_bank),
    "members-without-the-stages-owner": ("NOT_OWNER", stages_that_nobody_owns),
    "ticket-of-another-zone": ("ZONE_MISMATCH", other_zone),
    "row-of-another-enterprise": ("ROW_MISMATCH", row_of_another),
    "row-not-owned": ("NOT_OWNER", row_not_owned),
    "row-proof": ("ROW_CIPHERTEXTS", row_proof),
    "stages-by-another-department": ("NOT_OWNER", stages_by_another),
    "stages-of-another-epoch": ("STAGE_MISMATCH", stages_of_another_epoch),
    "consent-expired": ("CONSENT_SCOPE", lambda f: f.new_consent(not_after=f.zone.now - 1)),
    "consent-not-yet-in-force": ("CONSENT_SCOPE", lambda f: f.new_consent(not_before=f.zone.now + 900)),
    "consent-for-another-bank": ("CONSENT_SCOPE", lambda f: f.new_consent(audience="bank-b")),
    "consent-without-the-product": ("CONSENT_SCOPE", lambda f: f.new_consent(products=("strict-line",))),
    "consent-without-the-functional": ("CONSENT_SCOPE", lambda f: f.new_consent(functionals=("arrears",))),
    "request-too-late": ("REQUEST_INVALID", lambda f: f.new_request(delay_s=600)),
    "request-lives-too-long": ("REQUEST_INVALID", lambda f: f.new_request(life_s=300)),
    "request-by-another-bank": ("REQUEST_INVALID", lambda f: f.new_request("bank-b")),
    "request-for-another-consent": ("REQUEST_MISMATCH", lambda f: f.new_request(consent_id="0" * 32)),
    "request-nonce": ("REQUEST_MISMATCH", lambda f: f.new_ticket(request_nonce="0" * 22)),
    "product-without-its-veto": ("PRODUCT_MISMATCH", vetoes_not_opened),
    "ticket-aggregate": ("AGGREGATE_MISMATCH", aggregate_in_ticket),
    "ticket-functional": ("FUNCTIONAL_MISMATCH", functional_in_ticket),
    "ticket-input": ("INPUT_MISMATCH", input_in_ticket),
    "value-impossible": ("VALUE_IMPOSSIBLE", impossible_value),
    "quantile-table-by-a-bank": ("SIGNER_NOT_ALLOWED", table_by_a_bank),
    "quantile-table-of-another-epoch": ("PERCENTILE_MISMATCH", table_of_another_epoch),
}


BASES = {"quantile": "plain", "members": "rekeyed"}  # by what the name begins with


def forged(made: Made) -> dict[str, tuple[str, bytes]]:
    """Name -> (reason, file) of every forged receipt."""
    found = {}
    for name, (reason, forge) in FORGERIES.items():
        forger = Forger(made, BASES.get(name.partition("-")[0], "before-release"))
        forge(forger)
        found[name] = (reason, forger.written())
    return found
