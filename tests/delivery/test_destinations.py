"""A URL is read once and strictly; what parsers disagree about is refused."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.delivery.destination import read_destination
from holdfast.delivery.errors import Blocked
from holdfast.delivery.guard import Guard
from holdfast.errors import WrongUse
from holdfast.settings import Settings


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "//hooks.example.com/",
        "http:hooks.example.com",
        "http:/hooks.example.com",
        "http://",
        "http:///path",
        "http://?x",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "unix:///var/run/docker.sock",
        "javascript://hooks.example.com/",
        "http://user@hooks.example.com/",
        "http://user:word@hooks.example.com/",
        "http://good.example@127.0.0.1/",
        "http://127.0.0.1\\@good.example/",
        "http://good.example\\.evil.example/",
        "http://good.example /",
        " http://good.example/",
        "http://good.example/\r\nX: y",
        "http://good.example/\tx",
        "http://good\x00.example/",
        "http://good.example:0/",
        "http://good.example:65536/",
        "http://good.example:99999999/",
        "http://good.example:8a/",
        "http://good.example:-1/",
        "http://good.example:80:80/",
        "http://good.example:٨٠/",
        "http://[::1",
        "http://::1/",
        "http://[::1]x/",
        "http://[fe80::1%25eth0]/",
        "http://[v1.x]/",
        "http://[127.0.0.1]/",
        "http://exa%6dple.com/",
        "http://example..com/",
        "http://.example.com/",
        "http://example.com../",
        "http://-example.com/",
        "http://exa mple.com/",
        "http://bücher.example/",
        "http://\uff11\uff12\uff17.0.0.1/",
        "http://①②⑦.0.0.1/",
        "http://127。0。0。1/",
        "http://exam\u00adple.com/",
        "http://1.2.3/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://08.8.8.8/",
        "http://0x08080808/",
        "http://example.0x/",
        "http://example.123/",
        f"http://{'a' * 64}.example/",
        f"http://{'a.' * 130}example/",
        "http://good.example/" + "a" * 8000,
    ],
)
def test_what_is_not_a_plain_url_is_refused(url: str) -> None:
    with pytest.raises(Blocked) as caught:
        Guard().destination(url)
    assert not caught.value.retryable
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "host_header", "port", "target"),
    [
        ("http://hooks.example.com", "hooks.example.com", 80, "/"),
        ("HTTPS://Hooks.Example.COM./a//b/../c?d=e#f", "hooks.example.com", 443, "/a//b/../c?d=e"),
        ("https://hooks.example.com:443/", "hooks.example.com", 443, "/"),
        ("https://hooks.example.com:80/", "hooks.example.com:80", 80, "/"),
        ("http://hooks.example.com:8080?x", "hooks.example.com:8080", 8080, "/?x"),
        ("http://xn--bcher-kva.example/ü", "xn--bcher-kva.example", 80, "/%C3%BC"),
        ("http://_under_score.example:/", "_under_score.example", 80, "/"),
        ("http://[2606:4700:0::1111]:8080/", "[2606:4700::1111]:8080", 8080, "/"),
        ("http://1.1.1.1./%zz", "1.1.1.1", 80, "/%zz"),
        ("http://4chan.example/@me", "4chan.example", 80, "/@me"),
    ],
)
def test_a_plain_url_is_read_into_its_parts(url: str, host_header: str, port: int, target: str) -> None:
    destination = Guard().destination(url)
    assert (destination.host_header, destination.port, destination.target) == (host_header, port, target)


@given(st.text() | st.text().map(lambda text: f"http://{text}") | st.text().map(lambda t: f"http://a.b/{t}"))
@example("http://\udcff/")
def test_any_text_is_read_or_refused_and_what_is_read_fits_into_one_line(url: str) -> None:
    try:
        destination = read_destination(url)
    except Blocked:
        return
    sent = destination.target + destination.host_header
    assert sent.isascii()
    assert sent.isprintable()
    assert " " not in sent
    assert 1 <= destination.port <= 65535


def test_ports_are_limited_where_a_setting_says_so() -> None:
    guard = Guard.from_settings(
        Settings({"HOLDFAST_OUTBOUND_PORTS": "443, 8443", "HOLDFAST_OUTBOUND_ALLOW": "10.0.0.5:25"})
    )
    assert guard.admit("hooks.example.com", 8443, ["1.1.1.1"])
    assert guard.admit("mail.internal", 25, ["10.0.0.5"])
    with pytest.raises(Blocked, match="Port 25"):
        guard.admit("hooks.example.com", 25, ["1.1.1.1"])
    for wrong in ("0", "65536", "http", "\uff14\uff14\uff13", "-1"):
        with pytest.raises(WrongUse, match="HOLDFAST_OUTBOUND_PORTS"):
            Guard.from_settings(Settings({"HOLDFAST_OUTBOUND_PORTS": wrong}))
