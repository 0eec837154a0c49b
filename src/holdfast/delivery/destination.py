"""Where a URL leads, read once and strictly.

Everything after this works on the parts: no second parser reads the URL, so that none can
understand it otherwise. What browsers and libraries disagree about is refused: user information,
backslashes, control characters, names outside ASCII, zones, and addresses that are not written in
their usual form (``2130706433``, ``0x7f.1``, ``0177.0.0.1``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

from holdfast.delivery.addresses import Address
from holdfast.delivery.errors import Blocked

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?"
)
_AUTHORITY = re.compile(r"(?P<host>\[[^\]]*\]|[^:\[\]]*)(?::(?P<port>[0-9]{0,5}))?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST = 8000
_USUAL_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL's parts: ``host`` in lower case without brackets or final dot, ``target`` with its query.

    ``address`` is set where the host is written as an address.
    """

    scheme: str
    host: str
    port: int
    target: str
    address: Address | None

    @property
    def host_header(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _USUAL_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The destination without its path and query, which can hold secrets."""
        return f"{self.scheme}://{self.host_header}"


def read_destination(url: str) -> Destination:
    """Read a URL of a request that is to leave the house.

    Raises ``Blocked`` that says what is wrong with it; the URL itself is not repeated.
    """
    if len(url) > _LONGEST:
        raise _blocked(f"The URL is longer than {_LONGEST} characters.")
    if re.search(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]", url):
        raise _blocked("The URL holds a space, a control character or a backslash.")
    parts = _URL.match(url)
    scheme = parts["scheme"].lower() if parts else ""
    if parts is None or scheme not in _USUAL_PORTS:
        raise _blocked("The URL does not begin with http:// or https:// and a host.")
    if "@" in parts["authority"]:
        raise _blocked("The URL holds a user name or password.")
    authority = _AUTHORITY.fullmatch(parts["authority"])
    if authority is None:
        raise _blocked("The URL's host and port cannot be read.")
    host, address = _read_host(authority["host"])
    port = int(authority["port"] or _USUAL_PORTS[scheme])
    if not 1 <= port <= 65535:
        raise _blocked("The URL's port is not within 1 to 65535.")
    target = (parts["path"] or "/") + (parts["query"] or "")
    return Destination(scheme, host, port, quote(target, safe=_AS_WRITTEN), address)


_AS_WRITTEN = "".join(map(chr, range(0x21, 0x7F)))


def _read_host(written: str) -> tuple[str, Address | None]:
    if written.startswith("["):
        try:
            address = IPv6Address(written[1:-1] if "%" not in written else "")
        except ValueError:
            raise _blocked("The URL's IPv6 address cannot be read.") from None
        return str(address), address
    host = written.lower().removesuffix(".")
    labels = host.split(".")
    if not host.isascii():
        raise _blocked("The URL's host holds letters outside ASCII.", hint="Write it in its xn-- form.")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _blocked("The URL's host is not a name or an address.")
    if not _NUMBER.fullmatch(labels[-1]):
        return host, None
    try:
        address_4 = IPv4Address(host)
    except ValueError:
        raise _blocked(
            "The URL's address is written in an unusual form.", hint="Write it as four decimal numbers."
        ) from None
    return host, address_4


def _blocked(message: str, hint: str = "Give a plain URL such as https://hooks.example.com/path.") -> Blocked:
    return Blocked(message, hint=hint)
