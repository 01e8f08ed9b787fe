"""The names that stand for ids in a release."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; an older release has none."""
    with op.batch_alter_table("releases", schema=None) as batch_op:
        batch_op.add_column(sa.Column("names_key", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Remove the column: names of releases stand for nothing then."""
    with op.batch_alter_table("releases", schema=None) as batch_op:
        batch_op.drop_column("names_key")
