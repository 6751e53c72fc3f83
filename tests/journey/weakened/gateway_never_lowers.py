"""`pingjia` with a gateway whose `ack` never goes down. It must lose ratings."""

import json
from pathlib import Path

from gateway.reach import Reach
from pingjia import app

REMEMBERED = Path("acknowledged.json")  # beside the data folder: not destroyed with it

told = json.loads(REMEMBERED.read_text()) if REMEMBERED.exists() else {}
real_reach = Reach.of


def of(self, tx, device, epoch):
    told[device] = max(real_reach(self, tx, device, epoch), told.get(device, 0))
    REMEMBERED.write_text(json.dumps(told))
    return told[device]


Reach.of = of
app()
