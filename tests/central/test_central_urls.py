"""What a URL may say: on both databases no value of a parameter is the server's fault."""

import base64
import json
import re

import pytest
from central_hall import bearer

from hosting.door import PlainUrl

SCOPES = ("figures:read", "records:read", "services:read:all", "directory:read", "pages:read")
KEY = "national.0.*.hall.*.per_visit.active-5"
PLACES = {"hall": "demo", "kind": "window", "key": KEY, "epoch": "1"}
HUGE = 2**70


def cursor(*position) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


VALUES = {
    "a zero character": ["a%00b"],
    "a huge number": [str(HUGE), str(-HUGE), str(2**63)],
    "a cursor with a huge number": [
        *(cursor("a", at) for at in (HUGE, 2**40)),
        cursor("xj-0417", 1, 2**63, ""),
        "demo/99999999/S1",
    ],
    "a cursor with what is no text": [cursor("a\0b", 0), cursor("\ud800", 0)],
    "half a character": ["%ED%A0%80"],
}


def answers(hall, value: str) -> dict[str, int]:
    """path -> the worst status, with any token, of every GET with this value in a parameter."""
    client, found = hall.client, {}
    for scope in SCOPES:
        file = hall.folder / f"{scope.replace(':', '-')}.url"
        if not file.exists():
            hall.tokens.add(scope, file)
        for path, methods in client.get("/openapi.json").json()["paths"].items():
            for one in methods.get("get", {}).get("parameters", []):
                name = f"{{{one['name']}}}"
                asked = path.replace(name, value) if one["in"] == "path" else path
                asked = re.sub(r"{(\w+)}", lambda place: PLACES.get(place[1], "S1"), asked)
                if one["in"] == "query":
                    asked += f"?{one['name']}={value}"
                try:
                    status = client.get(asked, headers=bearer(file)).status_code
                except Exception:  # what the server would have answered 500 for
                    status = 500
                found[asked] = max(status, found.get(asked, 0))
    return found


@pytest.mark.parametrize("name", VALUES)
def test_no_parameter_is_the_server_s_fault(hall, device, name):
    hall.post(device.rating())
    for value in VALUES[name]:
        found = answers(hall, value)
        assert len(found) > 20
        assert {path: status for path, status in found.items() if status >= 500} == {}


def test_the_control_without_the_door_postgresql_stumbles_over_a_zero(hall, device, monkeypatch):
    async def pass_on(self, *all_of_it):
        await self._app(*all_of_it)

    monkeypatch.setattr(PlainUrl, "__call__", pass_on)
    is_postgresql = hall.database.url.startswith("postgresql")
    assert (500 in answers(hall, "a%00b").values()) == is_postgresql
