"""Passwords: argon2id with 19 MiB and two passes, hashed away from the event loop, a few at once.

Hashing holds memory and a processor on purpose, so an attacker could exhaust both: it runs on threads
of its own, and who would wait behind too many others is told to try again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.exceptions import UnknownHashError
from pwdlib.hashers.argon2 import Argon2Hasher

from holdfast.errors import TryAgain, WrongUse

T = TypeVar("T")

SHORTEST = 12
LONGEST_BYTES = 1024
_WAITING_FOR_EACH = 32  # at 20 ms each, who waits last waits for two thirds of a second


class WeakPassword(WrongUse):
    """A password that is too short, too long, or another word for its owner."""

    code = "weak_password"


class TooBusy(TryAgain):
    """More sign-ins wait than can be checked soon."""

    code = "too_busy"


@dataclass(frozen=True, slots=True)
class Verified:
    """Whether a password is right, and a new hash to store where the old one is of weaker parameters."""

    right: bool
    new_hash: str | None = None


class Passwords:
    """Hashes and verifies passwords, at most ``at_once`` at the same time."""

    def __init__(self, at_once: int = 2) -> None:
        self._hasher = PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
        self._threads = ThreadPoolExecutor(max(1, at_once), thread_name_prefix="holdfast-passwords")
        self._most_waiting = max(1, at_once) * _WAITING_FOR_EACH
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Return the encoded argon2id hash of a password; raises ``TooBusy``."""
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, stored: str | None) -> Verified:
        """Tell whether a password is the one that was hashed; raises ``TooBusy``.

        ``stored`` of None (nobody of that name) takes as long as a wrong password does.
        """
        return await self._run(lambda: self._verify(password, stored))

    def _verify(self, password: str, stored: str | None) -> Verified:
        if stored is None:
            self._hasher.verify(password, self._nobodys_hash)
            return Verified(right=False)
        try:
            right, new_hash = self._hasher.verify_and_update(password, stored)
        except UnknownHashError:  # a hash of another kind opens nothing
            return Verified(right=False)
        return Verified(right, new_hash)

    @cached_property
    def _nobodys_hash(self) -> str:
        return self._hasher.hash(secrets.token_urlsafe())

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._most_waiting:
            raise TooBusy("Too many sign-ins are being checked.", hint="Try again in a second.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def check_password(password: str, *, username: str, email: str) -> None:
    """Refuse a password that is too short, too long or the user's own name; raises ``WeakPassword``."""
    if len(password) < SHORTEST:
        raise WeakPassword(
            f"The password has fewer than {SHORTEST} characters.",
            hint="Take a few words, or a generated one.",
        )
    if len(password.encode()) > LONGEST_BYTES:
        raise WeakPassword(f"The password has more than {LONGEST_BYTES} bytes.", hint="Take a shorter one.")
    if password.casefold() in {username.casefold(), email.casefold()}:
        raise WeakPassword("The password is the user's own name.", hint="Take another one.")
