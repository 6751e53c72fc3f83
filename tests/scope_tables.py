"""The tables of docs/scopes.md: which scope opens which route."""

from pathlib import Path

DOC = Path(__file__).parents[1] / "docs" / "scopes.md"


def table(heading: str) -> tuple[list[str], dict[str, dict[str, str]]]:
    """(scopes, route -> scope -> word) of the table under a heading."""
    text = DOC.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    head, _, *body = cells
    for row in body:
        assert len(row) == len(head), row
    return head[1:], {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in body}


def routes_of(app, site_router=None) -> set[str]:
    """`GET /path` of every route, without those of a framework and of everybody."""
    everybody = {
        *("/healthz", "/metrics", "/openapi.json", "/login", "/logout"),
        *("/language/{language}", "/static/{digest}/{name}"),
    }
    found = set()
    for path, method in _paths(app.routes):
        if path not in everybody and method not in ("HEAD", "OPTIONS"):
            found.add(f"{method} {path.replace(':path', '')}")
    return found


def _paths(routes):
    for route in routes:
        if inner := getattr(route, "routes", None):
            yield from _paths(inner)
        for method in getattr(route, "methods", None) or ():
            yield route.path, method
