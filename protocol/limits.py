"""Every bound of the protocol, in one place (protocol/README.md, "Limits")."""

ENVELOPE_BYTES = 1024  # one record and its MAC, on the wire and in every store
MESSAGE_BYTES = 4096  # whatever travels on another topic than `record`
DOCUMENT_BYTES = 65536  # a service document: a batch of some hundred matters
BATCH_ITEMS = 500
BATCH_BYTES = 8 * 1024 * 1024  # unpacked

SERVICE_CHARS = 64
TICKET_NO_CHARS = 16
STAFF_NO_CHARS = 16
PLACE_CHARS = 32  # hall and window ids
DEVICE_CHARS = (4, 32)
VERSION_CHARS = 32
REASON_CODES = 8  # the catalogue has eight reasons for each level
SELFTEST_PARTS = 10  # that passed, and as many that failed, within ENVELOPE_BYTES
GAPS = 16  # runs that one `boot` record can name within ENVELOPE_BYTES
PROBLEMS = 8

SEQ_MAX = 2**31 - 1
MS_MAX = 2**53 - 1  # the largest integer that every JSON reader keeps exactly
