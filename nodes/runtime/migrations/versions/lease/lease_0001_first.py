"""Who leads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "lease_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(length=63), nullable=False),
        sa.Column("renewed", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sa.UniqueConstraint("name", "term"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("leases")
