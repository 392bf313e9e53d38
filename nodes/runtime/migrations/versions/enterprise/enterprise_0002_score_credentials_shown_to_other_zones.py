"""Score credentials shown to other zones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "enterprise_0002"
down_revision = "enterprise_0001"


def upgrade() -> None:
    op.create_table(
        "credentials_shown",
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("uscc", sa.String(length=18), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.String(length=64), nullable=False),
        sa.Column("total", sa.String(length=64), nullable=False),
        sa.Column("scored", sa.BigInteger(), nullable=False),
        sa.Column("leaf_index", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("place"),
        sa.UniqueConstraint("digest"),
    )
    with op.batch_alter_table("credentials_shown", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_credentials_shown_uscc"), ["uscc"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("credentials_shown", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_credentials_shown_uscc"))

    op.drop_table("credentials_shown")
