"""The tables that there were before migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "records_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "record_connectors",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("reading", sa.String(length=64), nullable=False),
        sa.Column("failing_since", sa.BigInteger(), nullable=True),
        sa.Column("failure", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_table(
        "record_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connector", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("reading", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("malformed", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("record_deliveries", schema=None) as batch_op:
        batch_op.create_index("record_deliveries_by_name", ["connector", "name", "id"], unique=False, if_not_exists=True)

    op.create_table(
        "record_quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=1000), nullable=False),
        sa.Column("field", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("header", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("record_quarantine", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_record_quarantine_delivery"), ["delivery"], unique=False, if_not_exists=True)
        batch_op.create_index(batch_op.f("ix_record_quarantine_state"), ["state"], unique=False, if_not_exists=True)

    op.create_table(
        "record_versions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.Column("values", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("valid_from", sa.String(length=10), nullable=False),
        sa.Column("since", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("delivery", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("record_versions", schema=None) as batch_op:
        batch_op.create_index("record_versions_by_key", ["period", "uscc", "id"], unique=False, if_not_exists=True)

    op.create_table(
        "value_filings",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("field", sa.String(length=63), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    with op.batch_alter_table("value_filings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_value_filings_state"), ["state"], unique=False, if_not_exists=True)
        batch_op.create_index(batch_op.f("ix_value_filings_uscc"), ["uscc"], unique=False, if_not_exists=True)

    op.create_table(
        "value_serials",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uscc", "period", "service"),
        if_not_exists=True,
    )
    op.create_table(
        "value_settlements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("matter", sa.String(length=64), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("public", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    with op.batch_alter_table("value_settlements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_value_settlements_matter"), ["matter"], unique=False, if_not_exists=True)

    op.create_table(
        "value_states",
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("period", sa.String(length=32), nullable=False),
        sa.Column("field", sa.String(length=63), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uscc", "period", "field"),
        if_not_exists=True,
    )
    with op.batch_alter_table("value_states", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_value_states_state"), ["state"], unique=False, if_not_exists=True)


def downgrade() -> None:
    with op.batch_alter_table("value_states", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_value_states_state"))

    op.drop_table("value_states")
    with op.batch_alter_table("value_settlements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_value_settlements_matter"))

    op.drop_table("value_settlements")
    op.drop_table("value_serials")
    with op.batch_alter_table("value_filings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_value_filings_uscc"))
        batch_op.drop_index(batch_op.f("ix_value_filings_state"))

    op.drop_table("value_filings")
    with op.batch_alter_table("record_versions", schema=None) as batch_op:
        batch_op.drop_index("record_versions_by_key")

    op.drop_table("record_versions")
    with op.batch_alter_table("record_quarantine", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_record_quarantine_state"))
        batch_op.drop_index(batch_op.f("ix_record_quarantine_delivery"))

    op.drop_table("record_quarantine")
    with op.batch_alter_table("record_deliveries", schema=None) as batch_op:
        batch_op.drop_index("record_deliveries_by_name")

    op.drop_table("record_deliveries")
    op.drop_table("record_connectors")
