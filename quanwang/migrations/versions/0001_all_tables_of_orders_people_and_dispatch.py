"""All tables of orders people and dispatch."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this schema."""
    op.create_table(
        "acceptance",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "dispatch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "tier",
            sa.String(length=8).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=8), "mysql"
            ),
            nullable=False,
        ),
        sa.Column("wave_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "state",
            sa.String(length=10).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=10), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "accepted_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "changed_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance")),
        sa.UniqueConstraint("dispatch_id", "user_id", name=op.f("uq_acceptance_dispatch_id_user_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(
        op.f("ix_acceptance_dispatch_id_state_accepted_at_ms_id"),
        "acceptance",
        ["dispatch_id", "state", "accepted_at_ms", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_acceptance_user_id_id"), "acceptance", ["user_id", "id"], unique=False)
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "name",
            sa.String(length=100).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=100), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "owner",
            sa.String(length=100).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=100), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "scopes",
            sa.String(length=400).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=400), "mysql"
            ),
            nullable=False,
        ),
        sa.Column("secret_hash", sa.LargeBinary(length=32).with_variant(sa.BINARY(length=32), "mysql"), nullable=False),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "revoked_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "last_used_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_api_key_owner"), "api_key", ["owner"], unique=False)
    op.create_table(
        "assignment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "dispatch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "active_dispatch_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=True,
        ),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("token", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "state",
            sa.String(length=10).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=10), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.String(length=500).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=500), "mysql"
            ),
            nullable=True,
        ),
        sa.Column(
            "selected_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "hold_until_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "confirmed_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "ended_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint("active_dispatch_id", name=op.f("uq_assignment_active_dispatch_id")),
        sa.UniqueConstraint("dispatch_id", "token", name=op.f("uq_assignment_dispatch_id_token")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_assignment_user_id_id"), "assignment", ["user_id", "id"], unique=False)
    op.create_table(
        "decline",
        sa.Column(
            "dispatch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "reason",
            sa.String(length=500).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=500), "mysql"
            ),
            nullable=True,
        ),
        sa.Column(
            "declined_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("dispatch_id", "user_id", name=op.f("pk_decline")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_decline_user_id_declined_at_ms"), "decline", ["user_id", "declined_at_ms"], unique=False)
    op.create_table(
        "dispatch",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "owner",
            sa.String(length=100).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=100), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "publisher_user_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=True,
        ),
        sa.Column(
            "policy_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "stage",
            sa.String(length=20).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=20), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "step",
            sa.String(length=8).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=8), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "step_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("order_version", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("waves", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "notified_full", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "notified_partial",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "last_wave_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column("queued", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "idle_since_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column("reminded", sa.SmallInteger(), nullable=False),
        sa.Column(
            "assigned_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "assigned_token", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "hold_until_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "tokens_given", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "confirmed_reach", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "due_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "first_wave_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "partial_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "closed_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "changed_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "reason",
            sa.String(length=500).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=500), "mysql"
            ),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_dispatch_assigned_user_id_id"), "dispatch", ["assigned_user_id", "id"], unique=False)
    op.create_index(op.f("ix_dispatch_order_id"), "dispatch", ["order_id"], unique=False)
    op.create_index(op.f("ix_dispatch_owner_id"), "dispatch", ["owner", "id"], unique=False)
    op.create_index(op.f("ix_dispatch_stage_id"), "dispatch", ["stage", "id"], unique=False)
    op.create_table(
        "dispatch_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "dispatch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "kind",
            sa.String(length=32).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=32), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "actor",
            sa.String(length=120).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=120), "mysql"
            ),
            nullable=False,
        ),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True),
        sa.Column(
            "detail",
            sa.String(length=500).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=500), "mysql"
            ),
            nullable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dispatch_event")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_dispatch_event_dispatch_id_id"), "dispatch_event", ["dispatch_id", "id"], unique=False)
    op.create_table(
        "frozen_query",
        sa.Column(
            "dispatch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("order_version", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "query",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "certificate",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "full_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "partial_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "dimension_counts",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "frozen_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("dispatch_id", "order_version", name=op.f("pk_frozen_query")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "idempotency",
        sa.Column("key_hash", sa.LargeBinary(length=32).with_variant(sa.BINARY(length=32), "mysql"), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(length=32).with_variant(sa.BINARY(length=32), "mysql"), nullable=False),
        sa.Column("status", sa.SmallInteger(), autoincrement=False, nullable=True),
        sa.Column(
            "body",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=True,
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("key_hash", name=op.f("pk_idempotency")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_idempotency_created_at_ms", "idempotency", ["created_at_ms"], unique=False)
    op.create_table(
        "inbox_read",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "dispatch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "read_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("user_id", "dispatch_id", name=op.f("pk_inbox_read")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_inbox_read_dispatch_id"), "inbox_read", ["dispatch_id"], unique=False)
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "owner",
            sa.String(length=100).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=100), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "external_id",
            sa.String(length=128).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=128), "mysql"
            ),
            nullable=True,
        ),
        sa.Column("version", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "title",
            sa.String(length=200).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=200), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "description",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "publisher_user_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=True,
        ),
        sa.Column(
            "document",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column("body_hash", sa.LargeBinary(length=32).with_variant(sa.BINARY(length=32), "mysql"), nullable=False),
        sa.Column(
            "expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "changed_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("owner", "external_id", name=op.f("uq_orders_owner_external_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "policy",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "name",
            sa.String(length=64).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=64), "mysql"
            ),
            nullable=False,
        ),
        sa.Column("version", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "document",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_policy_name_version")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "profile",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "source",
            sa.String(length=100).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=100), "mysql"
            ),
            nullable=False,
        ),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "document",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "submitted_text",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=True,
        ),
        sa.Column(
            "extracted",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=True,
        ),
        sa.Column("deleted", sa.SmallInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "changed_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_profile")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_profile_source_user_id"), "profile", ["source", "user_id"], unique=False)
    op.create_table(
        "profile_change",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_profile_change")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_profile_change_at_ms"), "profile_change", ["at_ms"], unique=False)
    op.create_table(
        "sequence",
        sa.Column(
            "name",
            sa.String(length=64).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=64), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "next_value", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sequence")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "setting",
        sa.Column(
            "name",
            sa.String(length=64).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=64), "mysql"
            ),
            nullable=False,
        ),
        sa.Column("version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "value",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "set_by",
            sa.String(length=128).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=128), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "reason",
            sa.String(length=500).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=500), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "set_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_setting")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "user_identity",
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "source",
            sa.String(length=100).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=100), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "external_id",
            sa.String(length=128).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=128), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_identity")),
        sa.UniqueConstraint("source", "external_id", name=op.f("uq_user_identity_source_external_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "wave",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "dispatch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("chunk", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "tier",
            sa.String(length=8).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=8), "mysql"
            ),
            nullable=False,
        ),
        sa.Column("order_version", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "user_ids", sa.LargeBinary(length=16777215).with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False
        ),
        sa.Column("scores", sa.LargeBinary(length=16777215).with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False),
        sa.Column("ties", sa.LargeBinary(length=16777215).with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False),
        sa.Column(
            "smallest_user_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column(
            "largest_user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "certificate",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "full_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "partial_count", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "dimension_counts",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "sent_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "delivered_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wave")),
        sa.UniqueConstraint("dispatch_id", "number", "chunk", name=op.f("uq_wave_dispatch_id_number_chunk")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_wave_sent_at_ms"), "wave", ["sent_at_ms"], unique=False)
    op.create_table(
        "web_session",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32).with_variant(sa.BINARY(length=32), "mysql"), nullable=False),
        sa.Column("key_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True),
        sa.Column(
            "csrf_token",
            sa.String(length=64).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=64), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "expires_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "seen_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_web_session_secret_hash")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_web_session_expires_at_ms"), "web_session", ["expires_at_ms"], unique=False)
    op.create_index(op.f("ix_web_session_key_id"), "web_session", ["key_id"], unique=False)
    op.create_table(
        "work",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column(
            "kind",
            sa.String(length=40).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=40), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "subject_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "state",
            sa.String(length=8).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=8), "mysql"
            ),
            nullable=False,
        ),
        sa.Column(
            "due_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column(
            "ready_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column("attempt", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("failures", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "again_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=True
        ),
        sa.Column(
            "payload",
            sa.Text().with_variant(mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"), "mysql"),
            nullable=False,
        ),
        sa.Column(
            "last_error",
            sa.String(length=500).with_variant(
                mysql.VARCHAR(charset="utf8mb4", collation="utf8mb4_bin", length=500), "mysql"
            ),
            nullable=True,
        ),
        sa.Column(
            "created_at_ms", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work")),
        sa.UniqueConstraint("kind", "subject_id", name=op.f("uq_work_kind_subject_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index("ix_work_ready", "work", ["kind", "ready_at_ms"], unique=False)
