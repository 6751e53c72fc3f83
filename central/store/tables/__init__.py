"""The tables. Their names and columns are read by others: change them only by a migration.

Times are epoch milliseconds. places.py has those of halls, devices and the directory, records.py
what devices signed, services.py what the rules make of it, cases.py what people do about it,
months.py months that are closed, people.py accounts, acts and what is sealed.
"""

from central.store.tables import cases, months, people, places, records, services
from central.store.tables.table import metadata

__all__ = ["cases", "metadata", "months", "people", "places", "records", "services"]
