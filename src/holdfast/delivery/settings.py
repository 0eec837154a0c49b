"""Settings of requests that leave the house."""

from pathlib import Path

from holdfast.settings import Setting, duration, durations, integer, listing, path

ALLOW: Setting[tuple[str, ...]] = Setting(
    "HOLDFAST_OUTBOUND_ALLOW",
    "delivery",
    "outbound_allow",
    listing,
    (),
    "Internal places that requests may reach: addresses, networks, exact host names, with :port or without.",
)
PORTS: Setting[tuple[str, ...]] = Setting(
    "HOLDFAST_OUTBOUND_PORTS",
    "delivery",
    "outbound_ports",
    listing,
    (),
    "The only ports that requests may reach outside the allow list. Empty: all.",
)
CA_FILE: Setting[Path | None] = Setting(
    "HOLDFAST_OUTBOUND_CA_FILE",
    "delivery",
    "outbound_ca_file",
    path,
    None,
    "Certificates (PEM) of authorities that are trusted beside the system's, for one's own network.",
)
TIMEOUT = Setting(
    "HOLDFAST_DELIVERY_TIMEOUT",
    "delivery",
    "timeout",
    duration,
    15.0,
    "Longest time of one request, from the name's lookup to the answer's last byte.",
)
CONNECT_TIMEOUT = Setting(
    "HOLDFAST_DELIVERY_CONNECT_TIMEOUT",
    "delivery",
    "connect_timeout",
    duration,
    5.0,
    "Longest time for the name's lookup and the connection, and again for the TLS handshake.",
)
RESPONSE_BYTES = Setting(
    "HOLDFAST_DELIVERY_RESPONSE_BYTES",
    "delivery",
    "response_bytes",
    integer,
    65536,
    "How much of an answer's body is read; the rest is left unread.",
)
CONNECTIONS = Setting(
    "HOLDFAST_DELIVERY_CONNECTIONS",
    "delivery",
    "connections",
    integer,
    100,
    "Most connections that one process holds open.",
)
PER_HOST = Setting(
    "HOLDFAST_DELIVERY_PER_HOST",
    "delivery",
    "per_host",
    integer,
    8,
    "Most requests that one process has under way to one host and port.",
)
RETRY_DELAYS: Setting[tuple[float, ...]] = Setting(
    "HOLDFAST_DELIVERY_RETRY_DELAYS",
    "delivery",
    "retry_delays",
    durations,
    (0.0, 5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0),
    "The wait before each try, the first included; their number is the number of tries.",
)
