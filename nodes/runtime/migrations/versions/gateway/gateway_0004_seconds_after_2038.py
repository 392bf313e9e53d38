"""Seconds after 2038, and leaves after 2^31, which PostgreSQL's INTEGER has no room for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "gateway_0004"
down_revision = "gateway_0003"


def upgrade() -> None:
    with op.batch_alter_table("policy_bank_files", schema=None) as batch_op:
        batch_op.alter_column("at", existing_type=sa.INTEGER(), type_=sa.BigInteger(), existing_nullable=False)

    with op.batch_alter_table("policy_claims", schema=None) as batch_op:
        batch_op.alter_column("leaf", existing_type=sa.INTEGER(), type_=sa.BigInteger(), existing_nullable=False)

    with op.batch_alter_table("policy_papers", schema=None) as batch_op:
        batch_op.alter_column("leaf", existing_type=sa.INTEGER(), type_=sa.BigInteger(), existing_nullable=False)

    with op.batch_alter_table("publication_steps", schema=None) as batch_op:
        batch_op.alter_column("leaf", existing_type=sa.INTEGER(), type_=sa.BigInteger(), existing_nullable=False)

    with op.batch_alter_table("request_nonces", schema=None) as batch_op:
        batch_op.alter_column("expires", existing_type=sa.INTEGER(), type_=sa.BigInteger(), existing_nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("request_nonces", schema=None) as batch_op:
        batch_op.alter_column("expires", existing_type=sa.BigInteger(), type_=sa.INTEGER(), existing_nullable=False)

    with op.batch_alter_table("publication_steps", schema=None) as batch_op:
        batch_op.alter_column("leaf", existing_type=sa.BigInteger(), type_=sa.INTEGER(), existing_nullable=False)

    with op.batch_alter_table("policy_papers", schema=None) as batch_op:
        batch_op.alter_column("leaf", existing_type=sa.BigInteger(), type_=sa.INTEGER(), existing_nullable=False)

    with op.batch_alter_table("policy_claims", schema=None) as batch_op:
        batch_op.alter_column("leaf", existing_type=sa.BigInteger(), type_=sa.INTEGER(), existing_nullable=False)

    with op.batch_alter_table("policy_bank_files", schema=None) as batch_op:
        batch_op.alter_column("at", existing_type=sa.BigInteger(), type_=sa.INTEGER(), existing_nullable=False)
