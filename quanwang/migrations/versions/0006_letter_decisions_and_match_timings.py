"""Keep who decided about dead letters and why, and with each wave how long its answer took."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _text(length: int) -> sa.types.TypeEngine[str]:
    varchar = mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=length)
    return sa.String(length=length).with_variant(varchar, "mysql")


def upgrade() -> None:
    """Go to this schema."""
    op.create_table(
        "letter_decision",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("work_id", BIG, autoincrement=False, nullable=False),
        sa.Column("kind", _text(40), nullable=False),
        sa.Column("subject_id", BIG, autoincrement=False, nullable=False),
        sa.Column("failures", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("last_error", _text(500), nullable=False),
        sa.Column("action", _text(8), nullable=False),
        sa.Column("actor", _text(128), nullable=False),
        sa.Column("reason", _text(500), nullable=False),
        sa.Column("decided_at_ms", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_decision")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_letter_decision_decided_at_ms_id"), "letter_decision", ["decided_at_ms", "id"])
    medium = mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin")
    op.add_column("wave", sa.Column("timing", sa.Text().with_variant(medium, "mysql"), nullable=True))
