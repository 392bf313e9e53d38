"""Marks of sent forms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "pages_0002"
down_revision = "pages_0001"


def upgrade() -> None:
    op.create_table(
        "marks",
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session", "mark"),
    )
    with op.batch_alter_table("marks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_marks_sent"), ["sent"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("marks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_marks_sent"))

    op.drop_table("marks")
