"""Which devices have heard of a halt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the table."""
    op.create_table(
        "halt_acks",
        sa.Column("halt", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.device_id"]),
        sa.ForeignKeyConstraint(["halt"], ["halts.number"]),
        sa.PrimaryKeyConstraint("halt", "device_id"),
    )


def downgrade() -> None:
    """Take it away."""
    op.drop_table("halt_acks")
