"""Settings of the HTTP API."""

from holdfast.settings import Setting, duration, integer, listing, port, text

API_HOST = Setting(
    "HOLDFAST_API_HOST",
    "web",
    "host",
    text,
    "127.0.0.1",
    "The address that the API listens on; 0.0.0.0 for every one.",
)
API_PORT = Setting(
    "HOLDFAST_API_PORT",
    "web",
    "port",
    port,
    3000,
    "The port that the API listens on; 0 picks a free one.",
)
API_HOSTS: Setting[tuple[str, ...]] = Setting(
    "HOLDFAST_API_HOSTS",
    "web",
    "hosts",
    listing,
    (),
    "Names that the API is reached by, beside localhost and any IP address; * takes every name.",
)
API_BODY_LIMIT = Setting(
    "HOLDFAST_API_BODY_LIMIT",
    "web",
    "body_limit",
    integer,
    1024 * 1024,
    "The largest body of a request, in bytes.",
)
READY_WITHIN = Setting(
    "HOLDFAST_READY_WITHIN",
    "web",
    "ready_within",
    duration,
    2.0,
    "How long GET /ready waits for the database before it says that it is not reachable.",
)
