"""Settings: where a value may come from, in which order, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.errors import WrongUse
from holdfast.settings import (
    ENVIRONMENT,
    Setting,
    Settings,
    boolean,
    duration,
    durations,
    integer,
    is_production,
    listing,
    text,
)

POOL = Setting("HOLDFAST_TEST_POOL", "test", "pool", integer, 5, "A number.")
SECRET = Setting("HOLDFAST_TEST_KEY", "test", "key", text, "", "A key.", secret=True)
CHOICE = Setting("HOLDFAST_TEST_LEVEL", "test", "level", text, "low", "A level.", choices=("low", "high"))


def test_the_order_of_sources(tmp_path: Path) -> None:
    file = {"test": {"pool": 7}}
    assert Settings({}).get(POOL) == 5
    assert Settings({}, file).get(POOL) == 7
    assert Settings({"HOLDFAST_TEST_POOL": "8"}, file).get(POOL) == 8
    assert Settings({"HOLDFAST_TEST_POOL": "8"}, file, overrides={"HOLDFAST_TEST_POOL": "9"}).get(POOL) == 9


def test_every_source_is_named() -> None:
    assert Settings({}).origin(POOL) == "default"
    assert Settings({}, {"test": {"pool": 7}}).origin(POOL) == "holdfast.toml [test] pool"
    assert Settings({"HOLDFAST_TEST_POOL": "8"}).origin(POOL) == "environment HOLDFAST_TEST_POOL"
    assert Settings({}).with_overrides({"HOLDFAST_TEST_POOL": "9"}).origin(POOL) == "option"


def test_a_secret_comes_from_a_file_or_from_a_further_source(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cret\n", encoding="utf-8")
    from_file = Settings({"HOLDFAST_TEST_KEY_FILE": str(file)})
    assert from_file.get(SECRET) == "s3cret"
    assert from_file.origin(SECRET) == "file named by HOLDFAST_TEST_KEY_FILE"

    class Vault:
        name = "the vault"

        def secret(self, setting: str) -> str | None:
            return "from the vault" if setting == "HOLDFAST_TEST_KEY" else None

    from_vault = Settings({}).with_secret_sources([Vault()])
    assert (from_vault.get(SECRET), from_vault.origin(SECRET)) == ("from the vault", "the vault")
    assert Settings({"HOLDFAST_TEST_KEY": "near"}).with_secret_sources([Vault()]).get(SECRET) == "near"


def test_a_missing_secret_file_is_named() -> None:
    with pytest.raises(WrongUse, match="HOLDFAST_TEST_KEY_FILE cannot be read"):
        Settings({"HOLDFAST_TEST_KEY_FILE": "/nowhere/key"}).get(SECRET)


def test_a_bad_value_says_where_it_stands_and_what_is_meant() -> None:
    with pytest.raises(WrongUse) as raised:
        Settings({"HOLDFAST_TEST_POOL": "many"}).get(POOL)
    assert "'many' of HOLDFAST_TEST_POOL (environment HOLDFAST_TEST_POOL) is not a whole number" in str(
        raised.value
    )
    assert raised.value.exit_code == 2
    with pytest.raises(WrongUse, match="one of low, high"):
        Settings({"HOLDFAST_TEST_LEVEL": "middle"}).get(CHOICE)


def test_a_bad_secret_is_not_repeated() -> None:
    secret_number = Setting("HOLDFAST_TEST_PIN", "test", "pin", integer, 0, "A pin.", secret=True)
    with pytest.raises(WrongUse) as raised:
        Settings({"HOLDFAST_TEST_PIN": "hunter2"}).get(secret_number)
    assert "hunter2" not in str(raised.value)


def test_the_file_is_found_and_its_faults_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.load(environment={}).get(POOL) == 5
    (tmp_path / "holdfast.toml").write_text('[test]\npool = 12\nlevel = "high"\n', encoding="utf-8")
    loaded = Settings.load(environment={})
    assert (loaded.get(POOL), loaded.get(CHOICE)) == (12, "high")
    with pytest.raises(WrongUse, match="does not exist"):
        Settings.load(environment={"HOLDFAST_CONFIG": "absent.toml"})
    (tmp_path / "holdfast.toml").write_text("pool = [\n", encoding="utf-8")
    with pytest.raises(WrongUse, match="cannot be read"):
        Settings.load(environment={})
    (tmp_path / "holdfast.toml").write_text("pool = 12\n", encoding="utf-8")
    with pytest.raises(WrongUse, match="outside a table"):
        Settings.load(environment={})


def test_an_unknown_key_is_told_with_the_nearest_known_one() -> None:
    declared: list[Setting[object]] = [POOL, SECRET]  # type: ignore[list-item]  # Setting is invariant
    assert Settings({}, {"test": {"pol": 1}}).unknown_keys(declared) == [
        "holdfast.toml: test.pol is not a setting; did you mean test.pool?"
    ]
    assert Settings({}, {"test": {"pool": 1}}).unknown_keys(declared) == []


@pytest.mark.parametrize(
    ("environment", "production"),
    [
        ({}, False),
        ({"NODE_ENV": "production"}, True),
        ({"HOLDFAST_ENV": "production"}, True),
        ({"HOLDFAST_ENV": "development", "NODE_ENV": "production"}, True),
    ],
)
def test_production_is_said_by_either_variable(environment: dict[str, str], production: bool) -> None:
    assert is_production(Settings(environment)) is production
    assert ENVIRONMENT.name == "HOLDFAST_ENV"


def test_words_for_yes_and_no_and_spans_of_time() -> None:
    assert [boolean(word) for word in ("yes", "0", "On", "FALSE")] == [True, False, True, False]
    assert [duration(span) for span in ("250ms", "3s", "5m", "2h", "1d", "7", "1.5s")] == [
        0.25, 3.0, 300.0, 7200.0, 86400.0, 7.0, 1.5,
    ]  # fmt: skip
    assert durations("0s, 5m") == (0.0, 300.0)
    assert listing(" a, ,b ") == ("a", "b")
    for nonsense in ("-1s", "5 weeks", "", "1e3"):
        with pytest.raises(ValueError, match=r".*"):
            duration(nonsense)


@given(st.integers(), st.sampled_from(["environment", "file", "override"]))
def test_any_number_comes_back_from_any_source(number: int, source: str) -> None:
    settings = {
        "environment": Settings({"HOLDFAST_TEST_POOL": str(number)}),
        "file": Settings({}, {"test": {"pool": number}}),
        "override": Settings({}, overrides={"HOLDFAST_TEST_POOL": str(number)}),
    }[source]
    assert settings.get(POOL) == number
