"""`pingjia` with a centre that stores what comes again once more. It must count ratings twice."""

import itertools
from dataclasses import replace

from central.custody import filing
from central.store import ledger
from pingjia import app
from protocol.batch import DUPLICATE

copies = itertools.count(1)
real_file_records = filing.file_records


def file_records(connection, candidates, chains, known):
    filed = real_file_records(connection, candidates, chains, known)
    again = [outcome.row for outcome in filed if outcome.verdict == DUPLICATE]
    ledger.add_rows(connection, [replace(row, seq=next(copies) * 1_000_000) for row in again])
    return filed


filing.file_records = file_records
app()
