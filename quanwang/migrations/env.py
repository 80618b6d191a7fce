"""Run by alembic for every command; the connection is handed over, nothing is read from files or the environment."""

from alembic import context

connection = context.config.attributes["connection"]
metadata = context.config.attributes.get("metadata")

# One transaction is open already (kit.db began it), and its owner commits.
context.configure(
    connection=connection,
    target_metadata=metadata,
    compare_type=True,
    render_as_batch=False,
    transactional_ddl=False,
)
context.run_migrations()
