"""Keys of what is derived, which the broker opens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the table; what was registered before names no key and opens no more."""
    op.create_table(
        "derived_keys",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["access_requests.request_id"]),
        sa.PrimaryKeyConstraint("key_id"),
    )
    with op.batch_alter_table("derived", schema=None) as batch_op:
        batch_op.add_column(sa.Column("key_id", sa.String(), nullable=True))
        batch_op.create_unique_constraint("derived_key_id_key", ["key_id"])


def downgrade() -> None:
    """Remove it: nothing derived opens then."""
    with op.batch_alter_table("derived", schema=None) as batch_op:
        batch_op.drop_constraint("derived_key_id_key", type_="unique")
        batch_op.drop_column("key_id")
    op.drop_table("derived_keys")
