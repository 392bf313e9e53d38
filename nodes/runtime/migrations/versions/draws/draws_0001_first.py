"""The tables that there were before migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "draws_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "answers",
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("contribution", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("member", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("cause", "contribution", "position"),
        if_not_exists=True,
    )
    op.create_table(
        "asked",
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("member", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("cause", "member"),
        if_not_exists=True,
    )
    op.create_table(
        "commitments",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("r", sa.LargeBinary(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sa.UniqueConstraint("place"),
        if_not_exists=True,
    )
    op.create_table(
        "said",
        sa.Column("said", sa.String(length=64), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("said"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("said")
    op.drop_table("commitments")
    op.drop_table("asked")
    op.drop_table("answers")
