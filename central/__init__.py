"""The centre (省级归集系统): every rating once, verified with its device's key, kept for ever.

Rooms, from the top (a room imports rooms below it, and none on its own floor): `cli/` commands;
`centre` the parts list; `web/` requests and answers; `figures/` what is shown, `clockwork` what
time does; `audit/` can it be proved; `ratings/` from facts to figures; `directory/` who is who and
sat where; `custody/` is it the device's own record, whole and once; `people/` who may what;
`store/` SQL, and nothing but SQL; `rules/` the regions' rules as data, `config` the settings
file, `keys` the devices' keys.
"""
