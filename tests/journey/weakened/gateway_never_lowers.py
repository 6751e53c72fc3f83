"""`pingjia` with a gateway whose `ack` never goes down. It must lose ratings."""

import json
from pathlib import Path

from gateway.hall.cover import Cover
from pingjia import app

REMEMBERED = Path("acknowledged.json")  # beside the data folder: not destroyed with it

told = json.loads(REMEMBERED.read_text()) if REMEMBERED.exists() else {}
real_cover = Cover.of


def of(self, connection, device, epoch):
    told[device] = max(real_cover(self, connection, device, epoch), told.get(device, 0))
    REMEMBERED.write_text(json.dumps(told))
    return told[device]


Cover.of = of
app()
