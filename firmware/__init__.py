"""The device: what runs on the counter, under MicroPython. Imports protocol only.

Follow one rating: `keys` (a press) -> `session` (does it count?) -> `journal` (durable) -> `app`
(thanks) -> `link` (to the hall). `boards` is the only place that knows hardware.
"""

VERSION = "0.2.0"
