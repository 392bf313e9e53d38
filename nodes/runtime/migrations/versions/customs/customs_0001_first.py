"""The tables that there were before migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "customs_0001"
down_revision = None


def upgrade() -> None:
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


def downgrade() -> None:
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
