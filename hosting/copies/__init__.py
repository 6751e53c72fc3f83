"""Copies of a SQLite database: made while it is written to, and put back into an empty place."""
