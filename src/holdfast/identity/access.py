"""Signing in, and recognising who signed in.

Whether a name exists cannot be told from the answer or its time: an unknown name costs a hash as a
wrong password does, and somebody who is not active is refused as a wrong password is.
"""

from __future__ import annotations

from pathlib import Path

from holdfast.errors import NotSignedIn
from holdfast.http.principal import Principal
from holdfast.identity.keys import TokenKeys, token_keys
from holdfast.identity.passwords import Passwords
from holdfast.identity.permissions import permissions_of
from holdfast.identity.settings import PASSWORD_HASHES, TOKEN_LIFETIME
from holdfast.identity.tokens import InvalidToken, IssuedToken, issue, read
from holdfast.identity.users import User
from holdfast.postgres.database import Database
from holdfast.postgres.statements import Statements
from holdfast.settings import Settings

_STATEMENTS = Statements("holdfast.identity", "users.sql")


class WrongCredentials(NotSignedIn):
    """The name, the password or both are wrong, or the user is not active."""

    code = "wrong_credentials"


class Access:
    """Signs users of one database in, and finds out whom their tokens stand for."""

    def __init__(self, database: Database, keys: TokenKeys, passwords: Passwords, lifetime: float) -> None:
        self._database = database
        self._keys = keys
        self._passwords = passwords
        self._lifetime = lifetime

    @classmethod
    def from_settings(cls, database: Database, settings: Settings, data_dir: Path) -> Access:
        """Return the access that the settings describe; raises ``UnusableKey``."""
        return cls(
            database,
            token_keys(settings, data_dir),
            Passwords(settings.get(PASSWORD_HASHES)),
            settings.get(TOKEN_LIFETIME),
        )

    async def sign_in(self, name: str, password: str) -> IssuedToken:
        """Return a token for the user of that name or address; raises ``WrongCredentials``, ``TooBusy``."""
        user = await self._database.fetch_one(_STATEMENTS["find_for_sign_in"], {"name": name})
        verified = await self._passwords.verify(password, user["password_hash"] if user else None)
        if user is None or not verified.right or not user["is_active"]:
            raise _wrong_credentials()
        noted = {"id": user["id"], "new_hash": verified.new_hash, "old_hash": user["password_hash"]}
        if await self._database.execute(_STATEMENTS["note_sign_in"], noted) == 0:
            raise _wrong_credentials()  # made inactive, or given another password, in the meantime
        return issue(self._keys, user_id=user["id"], lifetime=self._lifetime)

    async def authenticate(self, token: str, /) -> Principal:
        """Return whom a token stands for; raises ``NotSignedIn`` where it or its user does not hold."""
        user = await self._database.fetch_one(_STATEMENTS["find_active"], {"id": read(self._keys, token)})
        if user is None:
            raise InvalidToken("The access token is not valid.", hint="Sign in again.")
        return Principal(
            user_id=user["id"],
            username=user["username"],
            permissions=permissions_of(is_administrator=user["is_administrator"]),
            is_administrator=user["is_administrator"],
        )

    async def user(self, user_id: str) -> User | None:
        """Return a user by id."""
        row = await self._database.fetch_one(_STATEMENTS["find"], {"id": user_id})
        return User(**row) if row else None


def _wrong_credentials() -> WrongCredentials:
    return WrongCredentials("The username or the password is wrong.", hint="Correct them and try again.")
