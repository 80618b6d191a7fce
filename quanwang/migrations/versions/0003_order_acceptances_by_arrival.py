"""Order acceptances by arrival: a number taken under a lock, instead of the clock of a web process."""

from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ROWS_AT_ONCE = 1_000


def upgrade() -> None:
    """Go to this schema."""
    op.create_table(
        "arrival_counter",
        sa.Column("dispatch_id", BIG, autoincrement=False, nullable=False),
        sa.Column("arrivals", BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("dispatch_id", name=op.f("pk_arrival_counter")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.add_column("acceptance", sa.Column("arrival", BIG, autoincrement=False, nullable=True))
    _number_acceptances()
    with op.batch_alter_table("acceptance") as batch:
        batch.alter_column("arrival", existing_type=BIG, existing_nullable=True, nullable=False)
        batch.drop_index(op.f("ix_acceptance_dispatch_id_state_accepted_at_ms_id"))
        batch.create_index(op.f("ix_acceptance_dispatch_id_state_arrival"), ["dispatch_id", "state", "arrival"])


def _number_acceptances() -> None:
    """Give those that are there the places that they had: by time, then by id."""
    connection = op.get_bind()
    acceptance = sa.table(
        "acceptance", *(sa.column(name) for name in ("id", "dispatch_id", "accepted_at_ms", "arrival"))
    )
    counter = sa.table("arrival_counter", sa.column("dispatch_id"), sa.column("arrivals"))
    standing = connection.execute(
        sa.select(acceptance.c.dispatch_id, acceptance.c.id).order_by(
            acceptance.c.dispatch_id, acceptance.c.accepted_at_ms, acceptance.c.id
        )
    ).all()
    numbered: list[dict[str, int]] = []
    counted: list[dict[str, int]] = []
    for dispatch_id, rows in groupby(standing, key=lambda row: row.dispatch_id):
        places = [{"of": row.id, "place": place} for place, row in enumerate(rows, start=1)]
        numbered += places
        counted.append({"dispatch_id": dispatch_id, "arrivals": len(places)})
    number = sa.update(acceptance).where(acceptance.c.id == sa.bindparam("of")).values(arrival=sa.bindparam("place"))
    for start in range(0, len(numbered), ROWS_AT_ONCE):
        connection.execute(number, numbered[start : start + ROWS_AT_ONCE])
    for start in range(0, len(counted), ROWS_AT_ONCE):
        connection.execute(sa.insert(counter), counted[start : start + ROWS_AT_ONCE])
