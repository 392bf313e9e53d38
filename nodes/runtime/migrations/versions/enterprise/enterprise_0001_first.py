"""The tables that there were before migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "enterprise_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("audience", sa.String(length=82), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("products", sa.Text(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.Column("revocation", sa.LargeBinary(), nullable=False),
        sa.Column("revoked_leaf_index", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.String(length=50), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_consents_uscc"), ["uscc"], unique=False, if_not_exists=True)

    op.create_table(
        "customs_declarations",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("declared_on", sa.String(length=10), nullable=False),
        sa.Column("has_declaration", sa.Boolean(), nullable=False),
        sa.Column("troubled", sa.Boolean(), nullable=False),
        sa.Column("shown", sa.String(), nullable=False),
        sa.Column("figures", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("source", "id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("customs_declarations", schema=None) as batch_op:
        batch_op.create_index("customs_by_day", ["source", "has_declaration", "declared_on"], unique=False, if_not_exists=True)
        batch_op.create_index("customs_by_enterprise", ["source", "uscc", "declared_on"], unique=False, if_not_exists=True)
        batch_op.create_index("customs_by_trouble", ["source", "troubled"], unique=False, if_not_exists=True)

    op.create_table(
        "customs_files",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("faults", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("source", "name"),
        if_not_exists=True,
    )
    op.create_table(
        "customs_messages",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("client_seq_no", sa.String(length=64), nullable=False),
        sa.Column("seq_no", sa.String(length=64), nullable=False),
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("origin", sa.String(length=500), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "sha256"),
        if_not_exists=True,
    )
    with op.batch_alter_table("customs_messages", schema=None) as batch_op:
        batch_op.create_index("customs_by_client_number", ["source", "client_seq_no"], unique=False, if_not_exists=True)
        batch_op.create_index("customs_by_kind", ["source", "kind", "recorded"], unique=False, if_not_exists=True)
        batch_op.create_index("customs_by_number", ["source", "seq_no"], unique=False, if_not_exists=True)

    op.create_table(
        "customs_sources",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=True),
        sa.Column("taken", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source"),
        if_not_exists=True,
    )
    op.create_table(
        "enterprises",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("key_id", sa.String(length=20), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=50), nullable=False),
        sa.Column("subject", sa.String(length=32), nullable=False),
        sa.Column("binding", sa.Text(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uscc"),
        sa.UniqueConstraint("key_id"),
        if_not_exists=True,
    )
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
        "passkeys",
        sa.Column("id", sa.String(length=1400), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("who", sa.String(length=63), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(length=60), nullable=False),
        sa.Column("made", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("passkeys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_passkeys_uscc"), ["uscc"], unique=False, if_not_exists=True)

    op.create_table(
        "portraits",
        sa.Column("ticket", sa.String(length=64), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ticket"),
        if_not_exists=True,
    )
    with op.batch_alter_table("portraits", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_portraits_uscc"), ["uscc"], unique=False, if_not_exists=True)

    op.create_table(
        "representatives",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("who", sa.String(length=63), nullable=False),
        sa.Column("person", sa.LargeBinary(), nullable=False),
        sa.Column("asserted", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uscc"),
        if_not_exists=True,
    )
    op.create_table(
        "values_asked",
        sa.Column("serial", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("department", sa.String(length=63), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("matter", sa.String(length=20), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("serial"),
        if_not_exists=True,
    )
    op.create_table(
        "values_shown",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("department", sa.String(length=63), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("uscc", "department", "period"),
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
    op.drop_table("values_shown")
    op.drop_table("values_asked")
    op.drop_table("representatives")
    with op.batch_alter_table("portraits", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_portraits_uscc"))

    op.drop_table("portraits")
    with op.batch_alter_table("passkeys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_passkeys_uscc"))

    op.drop_table("passkeys")
    with op.batch_alter_table("loans", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_loans_uscc"))

    op.drop_table("loans")
    op.drop_table("loan_steps_made")
    op.drop_table("loan_steps")
    op.drop_table("loan_messages_waiting")
    with op.batch_alter_table("loan_messages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_loan_messages_sent"))

    op.drop_table("loan_messages")
    op.drop_table("enterprises")
    op.drop_table("customs_sources")
    with op.batch_alter_table("customs_messages", schema=None) as batch_op:
        batch_op.drop_index("customs_by_number")
        batch_op.drop_index("customs_by_kind")
        batch_op.drop_index("customs_by_client_number")

    op.drop_table("customs_messages")
    op.drop_table("customs_files")
    with op.batch_alter_table("customs_declarations", schema=None) as batch_op:
        batch_op.drop_index("customs_by_trouble")
        batch_op.drop_index("customs_by_enterprise")
        batch_op.drop_index("customs_by_day")

    op.drop_table("customs_declarations")
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consents_uscc"))

    op.drop_table("consents")
