"""A publisher's inbox shows which of his orders could not be matched: an index finds them."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this schema."""
    op.create_index(
        op.f("ix_dispatch_publisher_user_id_stage_id"), "dispatch", ["publisher_user_id", "stage", "id"], unique=False
    )
