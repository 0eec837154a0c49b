"""The Ed25519 keys that sign access tokens, and where they come from.

The signing key is the setting HOLDFAST_TOKEN_KEY, or else a file in the data directory that is made on
first use and readable by its owner only. A key's id is its thumbprint (RFC 7638), so that a token
says which key made it and several keys can hold at once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from holdfast.errors import WrongUse
from holdfast.identity.settings import TOKEN_KEY
from holdfast.settings import Settings

_MAKE_ONE = "Make one with: openssl genpkey -algorithm ed25519"


class UnusableKey(WrongUse):
    """A token key that is no Ed25519 private key, or that others can read."""

    code = "unusable_key"


@dataclass(frozen=True)
class TokenKeys:
    """The key that signs new tokens, its id, and every key by id that a token may be signed with."""

    signing: Ed25519PrivateKey
    signing_id: str
    verifying: Mapping[str, Ed25519PublicKey]

    @classmethod
    def of(cls, signing: Ed25519PrivateKey) -> TokenKeys:
        """Return the keys of an installation that signs and verifies with one."""
        public = signing.public_key()
        return cls(signing, key_id(public), {key_id(public): public})


def key_id(key: Ed25519PublicKey) -> str:
    """Return a public key's RFC 7638 thumbprint."""
    raw = base64.urlsafe_b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).rstrip(b"=").decode()
    canonical = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": raw}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()


def token_keys(settings: Settings, data_dir: Path) -> TokenKeys:
    """Return the keys of this installation, making the key file on first use.

    Raises ``UnusableKey`` where the setting or the file holds something else than an Ed25519 private key,
    where others can read the file, or where it cannot be made.
    """
    written = settings.get(TOKEN_KEY)
    if written is not None:
        return TokenKeys.of(_parse(written.encode(), settings.origin(TOKEN_KEY)))
    file = data_dir / "keys" / "tokens.pem"
    try:
        if not file.exists():
            _make(file, data_dir)
        if file.stat().st_mode & 0o077:
            raise UnusableKey(f"Others than its owner can read {file}.", hint=f"Run: chmod 600 {file}")
        return TokenKeys.of(_parse(file.read_bytes(), str(file)))
    except OSError as error:
        raise UnusableKey(
            f"The token key {file} cannot be read or made: {error.strerror}.",
            hint=f"Correct the folder's permissions, or set {TOKEN_KEY.name}.",
        ) from error


def _parse(content: bytes, origin: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise UnusableKey(f"The token key ({origin}) is not a private key in PEM.", hint=_MAKE_ONE) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UnusableKey(f"The token key ({origin}) is not an Ed25519 key.", hint=_MAKE_ONE)
    return key


def _make(file: Path, data_dir: Path) -> None:
    """Make a key file whole or not at all; where two make it at once, the first one's stands.

    What root makes in another account's data directory is that account's.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    owner = data_dir.stat()
    given = os.geteuid() == 0 and owner.st_uid != 0
    if given:
        os.chown(file.parent, owner.st_uid, owner.st_gid, follow_symlinks=False)
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
            if given:
                os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
        try:
            os.link(draft, file)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
