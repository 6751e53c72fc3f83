"""alembic's entry: migrates the connection that central/store/database.py hands in."""

from alembic import context

from central.store.tables import metadata

# transactional_ddl: our SQLite connections begin their transactions themselves, so table changes
# roll back there as they do on PostgreSQL.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
