"""Staying alive: alarms, metrics, a full disk, a damaged database, threads that go on."""
