"""What the hall keeps: SQLite, and every line of SQL of the gateway.

`tables` says what is kept, `database` opens it; the other files hold the queries of one noun each.
Their functions take a connection of `Database.read()` or `Database.write()`, so that the caller
decides what is one transaction.
"""
