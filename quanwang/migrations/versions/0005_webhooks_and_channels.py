"""Webhooks and channels: who is told of what, and where."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this schema."""
    op.create_table(
        "channel_address",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "channel",
            sa.String(length=20).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=20), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "address",
            sa.String(length=254).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=254), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "kinds",
            sa.String(length=200).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=200), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "language",
            sa.String(length=8).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=8), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "changed_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("user_id", "channel", name=op.f("pk_channel_address")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_channel_address_channel_user_id"), "channel_address", ["channel", "user_id"], unique=False)
    op.create_table(
        "webhook",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "owner",
            sa.String(length=100).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=100), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "url",
            sa.String(length=500).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=500), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "description",
            sa.String(length=200).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=200), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "kinds",
            sa.String(length=400).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=400), "mysql"
            ),
            nullable=False,
        ),
        sa.Column("active", sa.SmallInteger(), nullable=False),
        sa.Column(
            "off_reason",
            sa.String(length=500).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=500), "mysql"
            ),
            nullable=True,
        ),
        sa.Column(
            "secret",
            sa.String(length=300).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=300), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "previous_secret",
            sa.String(length=300).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=300), "mysql"
            ),
            nullable=True,
        ),
        sa.Column(
            "previous_until_ms",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=True,
        ),
        sa.Column(
            "failing_since_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "changed_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "deleted_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_webhook_deleted_at_ms"), "webhook", ["deleted_at_ms"], unique=False)
    op.create_index(op.f("ix_webhook_owner_id"), "webhook", ["owner", "id"], unique=False)
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "webhook_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "event_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("attempts", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "tried_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column("status", sa.SmallInteger(), autoincrement=False, nullable=True),
        sa.Column(
            "error",
            sa.String(length=500).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=500), "mysql"
            ),
            nullable=True,
        ),
        sa.Column(
            "delivered_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
        sa.UniqueConstraint("webhook_id", "event_id", name=op.f("uq_webhook_delivery_webhook_id_event_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_webhook_delivery_delivered_at_ms"), "webhook_delivery", ["delivered_at_ms"], unique=False)
    op.create_index(op.f("ix_webhook_delivery_webhook_id_id"), "webhook_delivery", ["webhook_id", "id"], unique=False)
    op.create_index(op.f("ix_webhook_delivery_event_id"), "webhook_delivery", ["event_id"], unique=False)
    op.create_table(
        "webhook_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "owner",
            sa.String(length=100).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=100), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "kind",
            sa.String(length=40).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=40), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "body",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_event")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_webhook_event_created_at_ms"), "webhook_event", ["created_at_ms"], unique=False)
