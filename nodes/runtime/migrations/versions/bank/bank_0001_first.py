"""The tables that there were before migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "bank_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "borrowers_placed",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("newest_leaf", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
        if_not_exists=True,
    )
    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("products", sa.Text(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consents_subject"), ["subject"], unique=False, if_not_exists=True)
        batch_op.create_index(batch_op.f("ix_consents_uscc"), ["uscc"], unique=False, if_not_exists=True)

    op.create_table(
        "contributed_epochs",
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("epoch"),
        if_not_exists=True,
    )
    op.create_table("dishonest_list", sa.Column("uscc", sa.String(length=18), nullable=False), sa.PrimaryKeyConstraint("uscc"), if_not_exists=True)
    op.create_table(
        "enterprise_enrolments",
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("enrolment", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject"),
        if_not_exists=True,
    )
    op.create_table(
        "loan_documents",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
        if_not_exists=True,
    )
    with op.batch_alter_table("loan_documents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_loan_documents_application"), ["application"], unique=False, if_not_exists=True)

    op.create_table(
        "loan_messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("receiver", sa.String(length=63), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("loan_messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_loan_messages_sent"), ["sent"], unique=False, if_not_exists=True)

    op.create_table(
        "loan_messages_waiting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sender", sa.String(length=63), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_table(
        "loan_steps",
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("paper", sa.LargeBinary(), nullable=False),
        sa.Column("step", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("application", "number"),
        sa.UniqueConstraint("digest"),
        if_not_exists=True,
    )
    op.create_table(
        "loan_steps_made",
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("paper", sa.LargeBinary(), nullable=False),
        sa.Column("step", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application"),
        if_not_exists=True,
    )
    op.create_table(
        "loans",
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("institution", sa.String(length=63), nullable=False),
        sa.Column("service", sa.String(length=63), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("terms", sa.LargeBinary(), nullable=False),
        sa.Column("binding", sa.LargeBinary(), nullable=False),
        sa.Column("enrolment", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("application"),
        if_not_exists=True,
    )
    with op.batch_alter_table("loans", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_loans_uscc"), ["uscc"], unique=False, if_not_exists=True)

    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=400), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("call", sa.String(length=20), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("receiver", sa.String(length=64), nullable=False),
        sa.Column("subject_matter", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=50), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=True),
        sa.Column("leaf", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("place", "revision"),
        if_not_exists=True,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_state"), ["state"], unique=False, if_not_exists=True)

    op.create_table(
        "points_said",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
        if_not_exists=True,
    )
    op.create_table(
        "product_terms",
        sa.Column("product", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("product", "version"),
        sa.UniqueConstraint("digest"),
        if_not_exists=True,
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("product", sa.String(length=64), nullable=False),
        sa.Column("ticket_leaf_index", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipts_subject"), ["subject"], unique=False, if_not_exists=True)

    op.create_table(
        "records_looked_at",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_table(
        "refused_work",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("item", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        if_not_exists=True,
    )
    op.create_table(
        "work_cursor",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("work_cursor")
    op.drop_table("refused_work")
    op.drop_table("records_looked_at")
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_receipts_subject"))

    op.drop_table("receipts")
    op.drop_table("product_terms")
    op.drop_table("points_said")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_state"))

    op.drop_table("outbox")
    with op.batch_alter_table("loans", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_loans_uscc"))

    op.drop_table("loans")
    op.drop_table("loan_steps_made")
    op.drop_table("loan_steps")
    op.drop_table("loan_messages_waiting")
    with op.batch_alter_table("loan_messages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_loan_messages_sent"))

    op.drop_table("loan_messages")
    with op.batch_alter_table("loan_documents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_loan_documents_application"))

    op.drop_table("loan_documents")
    op.drop_table("enterprise_enrolments")
    op.drop_table("dishonest_list")
    op.drop_table("contributed_epochs")
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consents_uscc"))
        batch_op.drop_index(batch_op.f("ix_consents_subject"))

    op.drop_table("consents")
    op.drop_table("borrowers_placed")
