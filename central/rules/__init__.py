"""The regions' rules, as data. Values in, values out: no SQL, no clock."""
