"""The ASGI application: composes the routes of all rooms and systems, and serves them."""

from holdfast.system import System

ROOM = System(
    name="web",
    summary="The HTTP API of all rooms and systems.",
    package="holdfast.web",
    settings=("holdfast.web.settings",),
    routes=("holdfast.web.routes:router",),
)
