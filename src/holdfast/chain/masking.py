"""RPC URLs often hold a key in their path, query or user: what of one may be shown."""

from __future__ import annotations

import ipaddress
from urllib.parse import parse_qsl, urlsplit

RECORDING = "recording:"


def masked(url: str) -> str:
    """Return what may be shown of an RPC URL: scheme and host, or a recording's path whole."""
    if url.startswith(RECORDING):
        return url
    parts = urlsplit(url)
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    hidden = "/***" if parts.path.strip("/") or parts.query or parts.username or parts.fragment else ""
    return f"{parts.scheme}://{shown}{port}{hidden}"


def without_secrets(text: str, url: str) -> str:
    """Take out of a text (such as a node's error message) whatever of the URL may be a key."""
    parts = urlsplit(url)
    secrets = [url, parts.query, parts.username or "", parts.password or "", parts.fragment]
    secrets += parts.path.split("/")
    secrets += [value for _, value in parse_qsl(parts.query)]
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= 6:
            text = text.replace(secret, "***")
    return text


def is_near(url: str) -> bool:
    """Tell whether a URL names this machine or a private network, by its text alone."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host
