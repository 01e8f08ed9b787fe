"""What was made of recordings, and whose data is in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Build the tables."""
    op.create_table(
        "derived",
        sa.Column("derived_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("researcher", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("decision", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["access_requests.request_id"]),
        sa.PrimaryKeyConstraint("derived_id"),
    )
    op.create_table(
        "derived_persons",
        sa.Column("derived_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["derived_id"], ["derived.derived_id"]),
        sa.ForeignKeyConstraint(["person"], ["persons.person"]),
        sa.PrimaryKeyConstraint("derived_id", "person"),
    )
    with op.batch_alter_table("derived_persons", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_derived_persons_person"), ["person"], unique=False
        )


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("derived_persons")
    op.drop_table("derived")
