"""Seconds after 2038, which PostgreSQL's INTEGER has no room for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "pages_0003"
down_revision = "pages_0002"


def upgrade() -> None:
    with op.batch_alter_table("marks", schema=None) as batch_op:
        batch_op.alter_column("sent", existing_type=sa.INTEGER(), type_=sa.BigInteger(), existing_nullable=False)

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.alter_column("begun", existing_type=sa.INTEGER(), type_=sa.BigInteger(), existing_nullable=False)
        batch_op.alter_column("seen", existing_type=sa.INTEGER(), type_=sa.BigInteger(), existing_nullable=False)

    with op.batch_alter_table("views", schema=None) as batch_op:
        batch_op.alter_column("time", existing_type=sa.INTEGER(), type_=sa.BigInteger(), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("views", schema=None) as batch_op:
        batch_op.alter_column("time", existing_type=sa.BigInteger(), type_=sa.INTEGER(), existing_nullable=False)

    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.alter_column("seen", existing_type=sa.BigInteger(), type_=sa.INTEGER(), existing_nullable=False)
        batch_op.alter_column("begun", existing_type=sa.BigInteger(), type_=sa.INTEGER(), existing_nullable=False)

    with op.batch_alter_table("marks", schema=None) as batch_op:
        batch_op.alter_column("sent", existing_type=sa.BigInteger(), type_=sa.INTEGER(), existing_nullable=False)
