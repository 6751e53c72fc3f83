"""What the centre keeps: the only place where SQL stands.

`tables` says what the rows are, `database` opens it, `places` are halls, windows and devices,
`tokens` those of callers, `ledger` the records, `covers` how far each device is covered,
`services` what the halls say about services, `rejections` what was turned away.
Functions take the connection of a transaction that their caller began.
"""
