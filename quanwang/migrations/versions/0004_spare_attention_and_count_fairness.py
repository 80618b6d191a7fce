"""Spare the attention of users: who was passed over and why; count how often each user was offered."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
BLOB = sa.LargeBinary(length=16_777_215).with_variant(mysql.MEDIUMBLOB(), "mysql")
OPTIONS: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
NEW_COUNTS = ("set_aside_full", "set_aside_partial", "suppressed")


def upgrade() -> None:
    """Go to this schema."""
    op.create_table(
        "suppression",
        _number("id"),
        _number("dispatch_id"),
        sa.Column("order_version", sa.SmallInteger(), autoincrement=False, nullable=False),
        _number("wave"),
        _word("tier", 8),
        _word("reason", 16),
        _word("state", 8),
        _number("size"),
        sa.Column("user_ids", BLOB, nullable=False),
        _number("smallest_user_id"),
        _number("largest_user_id"),
        _number("full_count"),
        _number("noted_at_ms"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
        **OPTIONS,
    )
    op.create_index(op.f("ix_suppression_dispatch_id_order_version"), "suppression", ["dispatch_id", "order_version"])
    op.create_index(op.f("ix_decline_declined_at_ms"), "decline", ["declined_at_ms"])
    for table, count in (("offered_counter", "offered"), ("eligible_counter", "eligible")):
        key = sa.PrimaryKeyConstraint("user_id", name=op.f(f"pk_{table}"))
        op.create_table(table, _number("user_id"), _number(count), key, **OPTIONS)
    op.create_table(
        "fairness_progress",
        _number("id"),
        _number("wave_id"),
        _number("sampled_orders"),
        _number("counted_at_ms"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fairness_progress")),
        **OPTIONS,
    )
    op.add_column("dispatch", sa.Column("full_left", BIG, autoincrement=False, nullable=True))
    for name in NEW_COUNTS:
        op.add_column("dispatch", sa.Column(name, BIG, autoincrement=False, nullable=True))
    op.execute(sa.update(sa.table("dispatch", *map(sa.column, NEW_COUNTS))).values(dict.fromkeys(NEW_COUNTS, 0)))
    with op.batch_alter_table("dispatch") as batch:
        for name in NEW_COUNTS:
            batch.alter_column(name, existing_type=BIG, existing_nullable=True, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, BIG, autoincrement=False, nullable=False)


def _word(name: str, length: int) -> sa.Column[str]:
    kind = sa.String(length).with_variant(mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql")
    return sa.Column(name, kind, nullable=False)
