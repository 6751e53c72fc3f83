"""Clerks and queue systems: services at windows, the console, who calls."""
