"""Proposed changes of the pool."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "gateway_0003"
down_revision = "gateway_0002"


def upgrade() -> None:
    op.create_table(
        "pool_proposals",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("act", sa.String(length=10), nullable=False),
        sa.Column("application", sa.String(length=32), nullable=False),
        sa.Column("claimant", sa.String(length=63), nullable=False),
        sa.Column("amount_fen", sa.BigInteger(), nullable=False),
        sa.Column("party", sa.String(length=200), nullable=False),
        sa.Column("by", sa.String(length=63), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("second", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )


def downgrade() -> None:
    op.drop_table("pool_proposals")
