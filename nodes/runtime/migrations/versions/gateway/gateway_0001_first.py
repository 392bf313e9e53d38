"""The tables that there were before migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "gateway_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "cockpit_homes",
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("division", sa.String(length=6), nullable=False),
        sa.Column("section", sa.String(length=1), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
        if_not_exists=True,
    )
    op.create_table(
        "cockpit_plans",
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("closing", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
        if_not_exists=True,
    )
    op.create_table(
        "cockpit_publications",
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("leaf", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
        if_not_exists=True,
    )
    op.create_table(
        "epoch_stages",
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
        if_not_exists=True,
    )
    op.create_table(
        "explorer_head",
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "explorer_leaves",
        sa.Column("index", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("index"),
        if_not_exists=True,
    )
    with op.batch_alter_table("explorer_leaves", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_explorer_leaves_digest"), ["digest"], unique=False, if_not_exists=True)
        batch_op.create_index(batch_op.f("ix_explorer_leaves_kind"), ["kind"], unique=False, if_not_exists=True)

    op.create_table(
        "opened_tickets",
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("ticket", sa.String(length=64), nullable=False),
        sa.Column("functional", sa.String(length=64), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", "ticket"),
        if_not_exists=True,
    )
    op.create_table(
        "policies",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("review", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_table(
        "policy_activity",
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("policy", "kind", "subject"),
        if_not_exists=True,
    )
    op.create_table(
        "policy_bank_files",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=63), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("answer", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_table(
        "policy_claims",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("policy", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("last", sa.String(length=64), nullable=False),
        sa.Column("leaf", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("policy_claims", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policy_claims_policy"), ["policy"], unique=False, if_not_exists=True)
        batch_op.create_index(batch_op.f("ix_policy_claims_subject"), ["subject"], unique=False, if_not_exists=True)

    op.create_table(
        "policy_outbox",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("paper", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("claim"),
        if_not_exists=True,
    )
    op.create_table(
        "policy_papers",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("claim", sa.String(length=32), nullable=False),
        sa.Column("paper", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        if_not_exists=True,
    )
    with op.batch_alter_table("policy_papers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policy_papers_claim"), ["claim"], unique=False, if_not_exists=True)

    op.create_table(
        "pool_claims",
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("claimant", sa.String(length=63), nullable=False),
        sa.Column("standing", sa.String(length=10), nullable=False),
        sa.Column("bad_fen", sa.BigInteger(), nullable=False),
        sa.Column("liability_fen", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=63), nullable=False),
        sa.Column("paid_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("application", "claimant"),
        if_not_exists=True,
    )
    op.create_table(
        "pool_entries",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("balance_fen", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("party", sa.String(length=200), nullable=False),
        sa.Column("recovered_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        if_not_exists=True,
    )
    op.create_table(
        "publication_steps",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("publication", sa.String(length=32), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("paper", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("digest"),
        if_not_exists=True,
    )
    with op.batch_alter_table("publication_steps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_publication_steps_publication"), ["publication"], unique=False, if_not_exists=True)

    op.create_table(
        "publications",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("id"),
        if_not_exists=True,
    )
    op.create_table(
        "request_nonces",
        sa.Column("key_id", sa.String(length=82), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("expires", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "nonce"),
        if_not_exists=True,
    )
    with op.batch_alter_table("request_nonces", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_request_nonces_expires"), ["expires"], unique=False, if_not_exists=True)

    op.create_table(
        "totals",
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("functional", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("ticket", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("hundredths", sa.Integer(), nullable=False),
        sa.Column("gated", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", "functional", "subject"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("totals")
    with op.batch_alter_table("request_nonces", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_request_nonces_expires"))

    op.drop_table("request_nonces")
    op.drop_table("publications")
    with op.batch_alter_table("publication_steps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_publication_steps_publication"))

    op.drop_table("publication_steps")
    op.drop_table("pool_entries")
    op.drop_table("pool_claims")
    with op.batch_alter_table("policy_papers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_policy_papers_claim"))

    op.drop_table("policy_papers")
    op.drop_table("policy_outbox")
    with op.batch_alter_table("policy_claims", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_policy_claims_subject"))
        batch_op.drop_index(batch_op.f("ix_policy_claims_policy"))

    op.drop_table("policy_claims")
    op.drop_table("policy_bank_files")
    op.drop_table("policy_activity")
    op.drop_table("policies")
    op.drop_table("opened_tickets")
    with op.batch_alter_table("explorer_leaves", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_explorer_leaves_kind"))
        batch_op.drop_index(batch_op.f("ix_explorer_leaves_digest"))

    op.drop_table("explorer_leaves")
    op.drop_table("explorer_head")
    op.drop_table("epoch_stages")
    op.drop_table("cockpit_publications")
    op.drop_table("cockpit_plans")
    op.drop_table("cockpit_homes")
