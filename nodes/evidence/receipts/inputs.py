"""What went into a receipt's result: departments' rows, and the stage of its subject."""

from __future__ import annotations

from crypto.contribution import check_contribution
from crypto.encoding import to_fixed
from crypto.proofs import KnowledgeProof
from nodes.evidence.receipts.case import Case
from nodes.evidence.receipts.reasons import reason, require
from scoring.exchange.contributions import owns
from scoring.exchange.roster import StageProof, check_stage_proof
from scoring.release.receipt import ReceiptRow
from scoring.statements import ContributionHeader, Row, StagesPublished


def check_row(case: Case, row: ReceiptRow) -> ContributionHeader:
    """The header of a row that its owner signed, that the log has, and whose ciphertexts are those of its header. Raises ReceiptError."""
    ticket, model, key = case.ticket, case.model, case.key
    index = int(row.leaf_index)
    statement, member, digest = case.proven.signed(row.envelope, Row, "department", index)
    case.proven.check_leaf(row.leaf, index, row.inclusion_proof, digest, Row.kind)
    header = statement.header
    said = (header.sender, header.zone, header.kind, header.key, header.epoch, header.model, header.roster, header.subject, header.audience)
    common = (row.member, case.proven.roots.zone, "row", key.key_hash.hex(), ticket.epoch, ticket.model)
    wanted = (*common, case.receipt.roster_sha256, ticket.subject, ticket.audience)
    require(
        said == wanted and member == row.member,
        "ROW_MISMATCH",
        f"the row of {row.member} does not fit the ticket",
    )
    department = case.proven.members.at(index).member(member)
    for entry in header.entries:
        owned = entry.indicator in model.indicators and owns(model, department, entry.indicator)
        require(owned, "NOT_OWNER", f"{member} does not own {entry.indicator}")
    with reason("ROW_CIPHERTEXTS", f"row of {member}"):
        data = b"".join(to_fixed(int(item), key.ciphertext_size) for item in row.ciphertexts)
        check_contribution(key, header.model_dump(mode="json"), KnowledgeProof.from_json(statement.proof.model_dump(mode="json")), data)
    return header


def check_stage(case: Case) -> None:
    """The ticket's stage is the one that the stages' owner published for its subject. Raises ReceiptError."""
    ticket, model = case.ticket, case.model
    said = case.receipt.stage_proof
    index = int(said.leaf_index)
    statement, member, digest = case.proven.signed(said.envelope, StagesPublished, "department", index)
    case.proven.check_leaf(said.leaf, index, said.inclusion_proof, digest, StagesPublished.kind)
    with reason("NOT_OWNER", "stages"):
        owner = case.proven.members.at(index).owner(model.stage_owner.department, model.stage_owner.level).id
    require(member == owner, "NOT_OWNER", f"{member} does not own the stages")
    agree = (statement.epoch, statement.model, statement.sha256) == (ticket.epoch, ticket.model, case.receipt.roster_sha256)
    require(agree, "STAGE_MISMATCH", "the stage column is of another epoch, model or roster")
    require((said.subject, said.stage) == (ticket.subject, ticket.stage), "STAGE_MISMATCH", "the stage proof is of another subject or stage")
    with reason("STAGE_PROOF", "stage proof"):
        path = tuple(bytes.fromhex(item) for item in said.path)
        proof = StageProof(said.subject, said.stage, int(said.position), int(said.size), path)
        require(proof.size == statement.count, "STAGE_PROOF", "the stage column has another size")
        check_stage_proof(proof, bytes.fromhex(statement.merkle_root))
