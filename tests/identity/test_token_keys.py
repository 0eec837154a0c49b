"""Where the token key comes from: the setting, or one file that is made once and kept private."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from holdfast.identity.keys import UnusableKey, key_id, token_keys
from holdfast.settings import Settings


def pem(key: Ed25519PrivateKey | rsa.RSAPrivateKey, password: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def test_a_thumbprint_is_that_of_the_rfc() -> None:
    """RFC 8037, appendix A.3."""
    raw = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert key_id(Ed25519PublicKey.from_public_bytes(raw)) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_key_file_is_made_once_and_is_private(tmp_path: Path) -> None:
    settings = Settings({})
    first = token_keys(settings, tmp_path / "data")
    file = tmp_path / "data" / "keys" / "tokens.pem"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert file.parent.parent.stat().st_mode & 0o777 == 0o700
    assert token_keys(settings, tmp_path / "data").signing_id == first.signing_id
    assert [entry.name for entry in file.parent.iterdir()] == ["tokens.pem"], "no draft is left behind"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_in_anothers_data_directory_is_theirs(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    os.chown(data_dir, 12345, 12345)
    token_keys(Settings({}), data_dir)
    for path in (data_dir / "keys", data_dir / "keys" / "tokens.pem"):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)


def test_many_that_make_it_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        ids = list(threads.map(lambda _: token_keys(Settings({}), tmp_path).signing_id, range(64)))
    assert len(set(ids)) == 1


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from holdfast.settings import Settings;"
        "from holdfast.identity.keys import token_keys;"
        "print(token_keys(Settings({}), Path(sys.argv[1])).signing_id)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert len({process.communicate(timeout=60)[0] for process in running}) == 1


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    token_keys(Settings({}), tmp_path)
    (tmp_path / "keys" / "tokens.pem").chmod(0o644)
    with pytest.raises(UnusableKey) as caught:
        token_keys(Settings({}), tmp_path)
    assert "chmod 600" in caught.value.hint


def test_the_setting_stands_in_front_of_the_file(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    keys = token_keys(Settings({"HOLDFAST_TOKEN_KEY": pem(key)}), tmp_path)
    assert keys.signing_id == key_id(key.public_key())
    assert not (tmp_path / "keys").exists()
    secret = tmp_path / "secret.pem"
    secret.write_text(pem(key))
    named = Settings({"HOLDFAST_TOKEN_KEY_FILE": str(secret)})
    assert token_keys(named, tmp_path).signing_id == keys.signing_id


@pytest.mark.parametrize(
    "content",
    [
        "hunter2hunter2",
        pem(rsa.generate_private_key(65537, 2048)),
        pem(Ed25519PrivateKey.generate(), b"locked"),
        pem(Ed25519PrivateKey.generate())[:80],
    ],
    ids=["no key", "RSA", "locked", "cut off"],  # the values differ from process to process
)
def test_what_is_no_usable_key_is_refused_and_not_repeated(content: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableKey) as caught:
        token_keys(Settings({"HOLDFAST_TOKEN_KEY": content}), tmp_path)
    assert "openssl genpkey" in caught.value.hint
    assert content.splitlines()[0] not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnusableKey) as caught:
        token_keys(Settings({}), tmp_path / "file")
    assert "HOLDFAST_TOKEN_KEY" in caught.value.hint
