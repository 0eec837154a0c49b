"""Passwords: strong hashes, upgraded where old ones are weaker, and bounded work."""

from __future__ import annotations

import asyncio
import re
import threading
import time

import pytest
from argon2 import PasswordHasher

from holdfast.identity.passwords import Passwords, TooBusy, WeakPassword, check_password

PASSWORD = "correct horse battery staple"


async def test_a_hash_is_argon2id_with_the_stated_cost_and_verifies_only_its_password() -> None:
    passwords = Passwords()
    stored = await passwords.hash(PASSWORD)
    assert re.match(r"\$argon2id\$v=19\$m=19456,t=2,p=1\$", stored)
    assert stored != await passwords.hash(PASSWORD), "salted"
    right = await passwords.verify(PASSWORD, stored)
    assert (right.right, right.new_hash) == (True, None)
    assert not (await passwords.verify(PASSWORD + " ", stored)).right


async def test_a_weaker_hash_is_replaced_on_success_only() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    passwords = Passwords()
    verified = await passwords.verify(PASSWORD, weak)
    assert verified.right
    assert verified.new_hash is not None
    assert "m=19456,t=2" in verified.new_hash
    assert (await passwords.verify(PASSWORD, verified.new_hash)).new_hash is None
    assert (await passwords.verify("wrong", weak)).new_hash is None


@pytest.mark.parametrize(
    "stored", ["", "plain", PASSWORD, "$2b$12$abcdefghijklmnopqrstuv", "$argon2id$broken"]
)
async def test_what_is_no_hash_of_ours_opens_nothing(stored: str) -> None:
    assert not (await Passwords().verify(PASSWORD, stored)).right


async def test_nobody_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords(1)
    stored = await passwords.hash(PASSWORD)

    async def fastest(hashed: str | None) -> float:
        times = []
        for _ in range(7):
            began = time.perf_counter()
            assert not (await passwords.verify("wrong password", hashed)).right
            times.append(time.perf_counter() - began)
        return min(times)

    await fastest(None)
    known, unknown = await fastest(stored), await fastest(None)
    assert 0.4 < unknown / known < 2.5


async def test_only_a_few_are_hashed_at_once_and_the_event_loop_goes_on() -> None:
    passwords = Passwords(2)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            names = [t.name for t in threading.enumerate() if t.name.startswith("holdfast-passwords")]
            most = max(most, len(names))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(10)))
    watching.cancel()
    assert 1 <= most <= 2


async def test_more_than_can_be_checked_soon_are_told_to_come_again() -> None:
    passwords = Passwords(1)
    outcomes = await asyncio.gather(*(passwords.hash(PASSWORD) for _ in range(40)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, TooBusy)]
    assert len(refused) == 8
    assert all(isinstance(outcome, str | TooBusy) for outcome in outcomes)
    assert (await passwords.verify("x", None)).right is False, "it works again afterwards"


@pytest.mark.parametrize(
    ("password", "refused"),
    [
        ("elevenchars", True),
        ("twelve chars", False),
        ("x" * 1024, False),
        ("x" * 1025, True),
        ("é" * 513, True),
        ("Ada.Lovelace", True),
        ("ADA@example.org", True),
    ],
)
def test_a_password_is_neither_short_nor_endless_nor_a_name(password: str, refused: bool) -> None:
    if refused:
        with pytest.raises(WeakPassword) as caught:
            check_password(password, username="ada.lovelace", email="ada@example.org")
        assert password not in str(caught.value)
    else:
        check_password(password, username="ada.lovelace", email="ada@example.org")
