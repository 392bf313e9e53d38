"""The tables that there were before migrations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "coordinator_0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "contributions",
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=True),
        sa.Column("leaf_index", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("identity"),
        if_not_exists=True,
    )
    op.create_table(
        "in_flight",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        if_not_exists=True,
    )
    op.create_table(
        "partials",
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("custodian", sa.String(), nullable=False),
        sa.Column("opening", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("enc", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ticket", "custodian", "opening", "generation"),
        if_not_exists=True,
    )
    op.create_table(
        "requests",
        sa.Column("ticket", sa.String(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("ticket"),
        if_not_exists=True,
    )
    op.create_table(
        "work",
        sa.Column("member", sa.String(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("item", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("member", "seq"),
        sa.UniqueConstraint("member", "key"),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("work")
    op.drop_table("requests")
    op.drop_table("partials")
    op.drop_table("in_flight")
    op.drop_table("contributions")
