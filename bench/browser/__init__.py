"""Benches that look at pages as a browser does."""
