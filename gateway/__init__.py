"""The hall gateway: takes ratings from the devices of a hall and never loses one.

Rooms, from the top (a room imports rooms below it, and none on its own floor): `cli/` commands;
`gateway` the parts list; `web/` requests and answers; `desk/` clerks and queue systems, `upward/`
the way to the centre; `hall/` what devices and the hall's document mean; `broker/` the brokers;
`keep/` staying alive; `store/` SQL, and nothing but SQL; `config` the settings file.
"""
