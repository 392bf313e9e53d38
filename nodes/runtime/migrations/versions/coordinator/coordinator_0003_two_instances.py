"""Two instances: blobs where both read them, and what the last judgement rested on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "coordinator_0003"
down_revision = "coordinator_0002"


def upgrade() -> None:
    op.create_table(
        "blob_parts",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", "part"),
    )
    with op.batch_alter_table("in_flight", schema=None) as batch_op:
        batch_op.add_column(sa.Column("size", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("in_flight", schema=None) as batch_op:
        batch_op.drop_column("size")

    op.drop_table("blob_parts")
