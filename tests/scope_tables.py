"""The tables of docs/scopes.md: which scope opens which route."""

from pathlib import Path

DOC = Path(__file__).parents[1] / "docs" / "scopes.md"

EVERYBODYS = {
    *("/healthz", "/metrics", "/login", "/logout", "/policies"),
    *("/language/{language}", "/static/{digest}/{name}"),
}


def table(heading: str) -> tuple[list[str], dict[str, dict[str, str]]]:
    """(scopes, route -> scope -> word) of the table under a heading."""
    text = DOC.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row] for row in rows]
    head, _, *body = cells
    for row in body:
        assert len(row) == len(head), row
    return head[1:], {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in body}


def routes_of(client, site) -> set[str]:
    """`GET /path` of every route of the API and the pages, without those that are everybody's."""
    described = client.get("/openapi.json").json()["paths"]
    found = {(path, method.upper()) for path, methods in described.items() for method in methods}
    for route in site.router.routes:
        found |= {(route.path.replace(":path", ""), method) for method in route.methods}
    return {f"{method} {path}" for path, method in found if path not in EVERYBODYS}
