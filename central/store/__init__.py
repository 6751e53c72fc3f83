"""What the centre keeps: the only place where SQL stands.

`tables` says what the rows are, `database` opens it, `places` are halls, windows, devices and
tokens, `ledger` the records and all that is signed, `rejections` what was turned away.
Functions take the connection of a transaction that their caller began.
"""
