"""Changes of the tables, in order. Run at every start, in one transaction, all or nothing.

A change of central/store/tables/records.py needs a new file in versions/; a test compares the two.
"""
