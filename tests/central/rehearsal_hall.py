"""A rehearsal as its API shows it, in this process; its clock stands until a test sets it."""

import random
from pathlib import Path

from central_hall import SECRET, bearer, client_of
from empty_file import central_in
from rules_parts import at
from signed_in import CHEAP

from central.centre import Centre
from central.clockwork import Limits
from central.keys import DeviceKeys, Participants
from central.people.tokens import Tokens
from central.ratings.rehearsal import clock_of, mark
from central.ratings.versions import Rules, load_rules
from central.store.database import Database

SCOPES = ("rehearsal:write", "figures:read", "services:read:all", "records:read", "pages:read")


class Practice:
    """A rehearsal under a profile, or under rules, from 2026-09-01 on unless said otherwise."""

    def __init__(
        self,
        folder: Path,
        profile: str | Rules = "qinnan",
        begin="2026-09-01 00:00",
        database=None,
    ):
        self.folder = folder
        self.database: Database = database or central_in(folder)
        mark(self.database)
        self.clock = clock_of(self.database, 0, at(begin))
        self.clock._monotonic_s = lambda: 0.0
        self.clock._base_s = 0.0
        rules = load_rules(profile) if isinstance(profile, str) else profile
        keys, people = DeviceKeys(SECRET), Participants(SECRET)
        self.centre = Centre(
            *(self.database, keys, rules, Limits(), self.clock),
            participants=people,
            passwords=CHEAP,
        )
        self.accounts, self.sessions = self.centre.accounts, self.centre.sessions
        self.people, self.site = self.centre.people, self.centre.site
        self.client = client_of(self.centre.app)
        self.tokens = Tokens(self.database, self.clock.now_ms)
        self._headers: dict[str, dict[str, str]] = {}

    def headers(self, scope: str) -> dict[str, str]:
        """Of a token with this scope."""
        if scope not in self._headers:
            file = self.folder / f"{scope.replace(':', '-')}.token"
            self.tokens.add(scope, file)
            self._headers[scope] = bearer(file)
        return self._headers[scope]

    def get(self, path: str, scope: str | None = None, status: int | None = 200, **query) -> dict:
        """What a GET answers; by the scope that it needs, with 200, unless said otherwise."""
        needed = "services:read:all"
        if path.startswith(("/v1/figures", "/v1/policies", "/v1/quota")) and not path.endswith(
            "/services"
        ):
            needed = "figures:read"
        if path.startswith("/v1/feed"):
            needed = "records:read"
        headers = self.headers(scope or needed)
        answer = self.client.get(path, params=query, headers=headers)
        assert status is None or answer.status_code == status, answer.text
        return answer.json()

    def give(self, status=200, **facts) -> dict:
        """POST /v1/rehearsal/facts."""
        headers = self.headers("rehearsal:write")
        answer = self.client.post("/v1/rehearsal/facts", json=facts, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def go(self, when: str, status=200) -> dict:
        """PUT /v1/rehearsal/clock."""
        headers = self.headers("rehearsal:write")
        answer = self.client.put("/v1/rehearsal/clock", json={"at": when}, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def post(self, path: str, body: dict, scope="services:write:all", status=201) -> dict:
        """A business system's call."""
        answer = self.client.post(path, json=body, headers=self.headers(scope))
        assert answer.status_code == status, answer.text
        return answer.json()

    def feed(self) -> list[dict]:
        """All of it, read in pages."""
        items, after = [], 0
        while page := (answer := self.get("/v1/feed", after=after, limit=7))["items"]:
            items += page
            after = answer["next"]
        return items

    def opened(self, key: str) -> tuple[dict, list[dict]]:
        """A count and its whole list."""
        found, after = [], {}
        while True:
            page = self.get(f"/v1/figures/{key}/services", limit=9, **after)
            found += page["services"]
            if page["next"] is None:
                return page, found
            after = {"after": page["next"]}

    def close(self) -> None:
        self.database.close()


DIRECTORY = [
    {"kind": "region", "id": "450000", "name": "广西", "tier": "region"},
    {"kind": "region", "id": "450702", "name": "钦南区", "tier": "county", "up": "450000"},
    {"kind": "line", "id": "fire", "name": "消防"},
    {"kind": "institution", "id": "office", "name": "办公室", "up": "450702", "line": "fire"},
    {"kind": "institution", "id": "fire-station", "name": "消防站", "up": "450702"},
    {"kind": "hall", "id": "demo", "name": "演练大厅", "up": "450702", "institution": "office"},
    {"kind": "hall", "id": "other", "name": "二号大厅", "up": "450702", "institution": "office"},
    {"kind": "window", "id": "demo/w1", "name": "1号窗口"},
    # A window of a guest institution, under two sets of rules (R46).
    {
        **{"kind": "window", "id": "demo/w2", "name": "2号窗口", "institution": "fire-station"},
        "profiles": ["qinnan", "ezhou"],
    },
    {"kind": "window", "id": "other/w1", "name": "1号窗口"},
    {"kind": "staff", "id": "demo/0231", "name": "王芳"},
    {"kind": "staff", "id": "demo/0232", "name": "李明", "institution": "fire-station"},
    {"kind": "platform", "id": "xjzwfw", "name": "政务服务网", "up": "450702"},
    {"kind": "matter", "id": "t-1", "name": "消防检查", "line": "fire"},
    {"kind": "matter", "id": "t-2", "name": "治安", "rateable": False},
]


def world(seed: int, count: int = 60) -> dict:
    """Facts of a random September: visits, batches, completions, second and late ratings."""
    rng = random.Random(seed)
    services, ratings, decisions = [], [], []
    for n in range(count):
        hall = rng.choice(["demo", "demo", "other"])
        day, hour = rng.randrange(1, 29), rng.randrange(9, 17)
        opened = f"2026-09-{day:02d} {hour:02d}:{rng.randrange(60):02d}"
        over = f"2026-09-{day:02d} {hour + 1:02d}:00"
        progress = [{"what": "closed", "at": over}]
        if rng.random() < 0.8:
            progress.append({"what": "finished", "at": over})
        if rng.random() < 0.7:
            progress.append({"what": "invited", "at": over})
        if rng.random() < 0.1:
            progress.append({"what": "no_show", "at": over})
        numbers = [f"P-{n}-{each}" for each in range(rng.choice([0, 1, 1, 3]))]
        service = f"S{n}"
        services.append(
            {
                **{"hall": hall, "service": service, "opened_at": opened, "progress": progress},
                "window": rng.choice(["w1", "w2"]) if hall == "demo" else "w1",
                "staff_no": rng.choice(["0231", "0232", None]),
                "task_code": rng.choice(["t-1", "t-1", None, "t-2"]),
                "project_nos": numbers,
                "kind": "batch" if len(numbers) > 1 else rng.choice(["single", "agent"]),
            }
        )
        if numbers and rng.random() < 0.4:
            done = {"what": "finished", "at": f"2026-09-{day:02d} 18:00"}
            services.append({"hall": hall, "completes": numbers[0], "progress": [done]})
        for each in range(rng.choice([0, 1, 1, 1, 2])):
            rated = f"2026-{rng.choice(['09', '09', '09', '10'])}-{day:02d} 18:{each:02d}:30"
            rating = f"R{n}-{each}"
            ratings.append(
                {
                    **{"id": rating, "hall": hall, "service": service, "rated_at": rated},
                    "level": rng.randint(1, 5),
                    "origin": rng.choice(["device", "qr", "web", "written"]),
                    "named": rng.random() < 0.3,
                    "reasons": [rng.choice([214, 215])] if rng.random() < 0.3 else [],
                }
            )
            if rng.random() < 0.2:
                what = rng.choice(["mistaken", "malicious", "fabricated", "restored"])
                about = {"hall": hall, "service": service, "rating": rating}
                decisions.append({**about, "what": what, "at": rated})
    return {"services": services, "ratings": ratings, "decisions": decisions}
