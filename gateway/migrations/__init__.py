"""The shapes the hall's database had, and the way from each to the next (alembic)."""
