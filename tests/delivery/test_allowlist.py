"""The allow list opens exactly what it names."""

from __future__ import annotations

import pytest

from holdfast.delivery.allowlist import AllowList
from holdfast.delivery.errors import Blocked
from holdfast.delivery.guard import Guard
from holdfast.errors import WrongUse
from holdfast.settings import Settings


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "opened"),
    [
        ("10.0.0.0/8", "any.name", 1, "10.255.0.1", True),
        ("10.0.0.0/8", "any.name", 1, "172.16.0.1", False),
        ("10.0.0.0/8", "any.name", 1, "::ffff:10.0.0.1", False),
        ("10.0.0.5", "10.0.0.5", 80, "10.0.0.5", True),
        ("10.0.0.5:8080", "a.b", 8080, "10.0.0.5", True),
        ("10.0.0.5:8080", "a.b", 8081, "10.0.0.5", False),
        ("10.0.0.0/24:8080", "a.b", 8080, "10.0.0.9", True),
        ("10.0.0.0/24:8080", "a.b", 80, "10.0.0.9", False),
        ("fd12::/16", "a.b", 80, "fd12::9", True),
        ("fd12::/16", "a.b", 80, "fd13::9", False),
        ("fd12::1", "a.b", 80, "fd12::1", True),
        ("[fd12::1]:8080", "a.b", 8080, "fd12::1", True),
        ("[fd12::1]:8080", "a.b", 80, "fd12::1", False),
        ("[fd12::/16]:8080", "a.b", 8080, "fd12:1::1", True),
        ("hooks.internal", "hooks.internal", 80, "10.0.0.1", True),
        ("Hooks.Internal.", "hooks.internal", 80, "10.0.0.1", True),
        ("hooks.internal", "x.hooks.internal", 80, "10.0.0.1", False),
        ("hooks.internal", "hooks.internal.evil", 80, "10.0.0.1", False),
        ("hooks.internal:8443", "hooks.internal", 8443, "127.0.0.1", True),
        ("hooks.internal:8443", "hooks.internal", 443, "127.0.0.1", False),
        # a name does not open the machine's credentials, the address itself does
        ("hooks.internal", "hooks.internal", 80, "169.254.169.254", False),
        ("hooks.internal", "hooks.internal", 80, "fd00:ec2::254", False),
        ("hooks.internal", "hooks.internal", 80, "100.100.100.200", False),
        ("hooks.internal", "hooks.internal", 80, "168.63.129.16", False),
        ("hooks.internal", "hooks.internal", 80, "::ffff:169.254.169.254", False),
        ("hooks.internal", "hooks.internal", 80, "0.0.0.1", False),
        ("169.254.169.254", "anything", 80, "169.254.169.254", True),
    ],
)
def test_an_entry_opens_what_it_names(entry: str, host: str, port: int, address: str, opened: bool) -> None:
    guard = Guard(AllowList.read([entry]))
    if opened:
        assert guard.admit(host, port, [address])
    else:
        with pytest.raises(Blocked):
            guard.admit(host, port, [address])


@pytest.mark.parametrize(
    "entry",
    [
        "http://hooks.internal",
        "hooks.internal/path",
        "*.internal",
        "hooks..internal",
        ".internal",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0",
        "2130706433",
        "0x7f.1",
        "127.0.0.01",
        "10.0.0.5:0",
        "10.0.0.5:65536",
        "10.0.0.5:http",
        "[10.0.0.1]:80",
        "[fd12::1",
        "[fd12::1]80",
        "fd12::1/16",
        "fe80::1%eth0",
        "[]",
        ":80",
        "user@hooks.internal",
    ],
)
def test_a_wrong_entry_is_named_with_the_forms_that_would_be_right(entry: str) -> None:
    with pytest.raises(WrongUse) as caught:
        Guard.from_settings(Settings({"HOLDFAST_OUTBOUND_ALLOW": f"10.0.0.0/8,{entry}"}))
    assert entry in caught.value.message
    assert "HOLDFAST_OUTBOUND_ALLOW" in caught.value.message
    assert "hooks.internal:8443" in caught.value.hint
