"""Run by alembic: the migrations on the connection that gateway/store/database.py opened."""

from alembic import context

from gateway.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    transactional_ddl=True,  # SQLite can, alembic's default says it cannot
)
context.run_migrations()
