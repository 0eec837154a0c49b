"""Every route of the API is named in the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from fastapi.routing import APIRoute

from holdfast.web.app import declared_routers

DOCS = Path(__file__).parents[1] / "docs"


def test_every_route_is_named_in_the_documentation() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in sorted(DOCS.rglob("*.md")))
    routes = [cast("APIRoute", route) for router in declared_routers() for route in router.routes]
    named = [f"`{method} {route.path}`" for route in routes for method in sorted(route.methods or ())]
    assert named
    assert [name for name in named if name not in text] == []
