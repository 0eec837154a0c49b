"""Which database the settings name, and what production refuses."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from holdfast.errors import WrongUse
from holdfast.postgres.conninfo import HIDDEN, parse, scrubbed, shown
from holdfast.postgres.endpoint import Endpoint, endpoint_from_settings
from holdfast.postgres.errors import Unsafe
from holdfast.settings import Settings

URL = "postgresql://u:p@url.example/d"
EVERYTHING = {
    "DATABASE_URL": "postgresql://u:p@first.example/d",
    "POSTGRES_CONN_STRING": "host=second.example dbname=d",
    "DB_HOST": "third.example",
    "DB_NAME": "d",
    "PGHOST": "fourth.example",
}


def endpoint(environment: dict[str, str]) -> Endpoint:
    found = endpoint_from_settings(Settings(environment))
    assert found is not None
    return found


def parameters(environment: dict[str, str]) -> dict[str, object]:
    return dict(conninfo_to_dict(endpoint(environment).conninfo))


def test_the_settings_are_asked_in_order_and_none_means_embedded() -> None:
    left = dict(EVERYTHING)
    for name, host in [
        ("DATABASE_URL", "first.example"),
        ("POSTGRES_CONN_STRING", "second.example"),
        ("DB_HOST", "third.example"),
        ("DB_NAME", "fourth.example"),
        ("PGHOST", ""),
    ]:
        if host:
            assert parameters(left)["host"] == host
            assert endpoint(left).origin == name
        del left[name]
    assert endpoint_from_settings(Settings(left)) is None


def test_the_parts_make_a_database() -> None:
    parts = {"DB_HOST": "h", "DB_PORT": "6432", "DB_NAME": "n", "DB_USER": "u", "DB_PASSWORD": "it's \\ 1"}
    assert parameters(parts) == {
        "host": "h",
        "port": "6432",
        "dbname": "n",
        "user": "u",
        "password": "it's \\ 1",
    }


def test_what_is_left_open_comes_from_libpqs_variables() -> None:
    found = parameters({"DATABASE_URL": "postgresql://h/d", "PGUSER": "u", "PGPASSWORD": "p", "PGPORT": "77"})
    assert found == {"host": "h", "dbname": "d", "user": "u", "password": "p", "port": "77"}


@pytest.mark.parametrize("name", ["PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE"])
def test_libpqs_variables_that_name_a_server_do_so_alone(name: str) -> None:
    assert endpoint({name: "5433"}).origin == name


@pytest.mark.parametrize("name", ["PGUSER", "PGPASSWORD", "PGSSLMODE", "PGAPPNAME", "PGCONNECT_TIMEOUT"])
def test_libpqs_other_variables_name_no_server(name: str) -> None:
    assert endpoint_from_settings(Settings({name: "2"})) is None


@pytest.mark.parametrize("name", ["DATABASE_URL", "POSTGRES_CONN_STRING"])
def test_a_connection_string_may_stand_in_a_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{URL}\n")
    assert parameters({f"{name}_FILE": str(file)})["password"] == "p"


@pytest.mark.parametrize(("name", "other"), [("DB_PASSWORD", "DB_HOST"), ("PGPASSWORD", "PGHOST")])
def test_a_password_may_stand_in_a_file(tmp_path: Path, name: str, other: str) -> None:
    file = tmp_path / "secret"
    file.write_text("kept apart\n")
    assert parameters({other: "h", f"{name}_FILE": str(file)})["password"] == "kept apart"


def test_the_settings_file_names_a_database_too() -> None:
    settings = Settings({}, {"postgres": {"host": "filed.example", "port": 6000, "name": "d"}})
    found = endpoint_from_settings(settings)
    assert found is not None
    assert conninfo_to_dict(found.conninfo)["port"] == "6000"


@pytest.mark.parametrize("name", ["DB_PORT", "DB_USER", "DB_PASSWORD"])
def test_a_part_without_a_place_is_not_taken_for_the_embedded_server(name: str) -> None:
    with pytest.raises(WrongUse, match=name):
        endpoint_from_settings(Settings({name: "5432"}))


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://user:hunter2/rest@host/name",
        "postgresql://user:12/hunter2@host/name",
        "postgresql://user:a@hunter2@host/name",
        "postgresql://user:%zzhunter2@host/name",
        "postgresql://user@host:hunter2/name",
        "postgresql://user@host:99999/name?application_name=hunter2",
        "postgresql://user@host/name?hunter2=1",
        "postgresql+asyncpg://user:hunter2@host/name",
        "mysql://user:hunter2@host/name",
        "host=h password=hunter2 nonsense",
        "hunter2",
        "host=h password='hunter2",
    ],
)
def test_a_connection_string_that_cannot_be_read_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(WrongUse, match="DATABASE_URL") as raised:
        endpoint_from_settings(Settings({"DATABASE_URL": value}))
    error: BaseException | None = raised.value
    assert error is not None
    assert error.__suppress_context__ or error.__context__ is None
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("environment", ["HOLDFAST_ENV", "NODE_ENV"])
@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_production_refuses_a_server_elsewhere_without_tls(environment: str, mode: str) -> None:
    with pytest.raises(Unsafe, match=f"sslmode={mode}") as raised:
        endpoint_from_settings(Settings({environment: "production", "DATABASE_URL": f"{URL}?sslmode={mode}"}))
    assert "verify-full" in raised.value.hint


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_production_takes_a_server_elsewhere_with_tls(mode: str) -> None:
    in_url = {"HOLDFAST_ENV": "production", "DATABASE_URL": f"{URL}?sslmode={mode}"}
    assert parameters(in_url)["sslmode"] == mode
    by_variable = {"HOLDFAST_ENV": "production", "DATABASE_URL": URL, "PGSSLMODE": mode}
    assert parameters(by_variable)["sslmode"] == mode


def test_production_adds_tls_where_nothing_is_said() -> None:
    assert parameters({"NODE_ENV": "production", "DATABASE_URL": URL})["sslmode"] == "require"
    system = f"{URL}?sslrootcert=system"
    assert parameters({"NODE_ENV": "production", "DATABASE_URL": system})["sslmode"] == "verify-full"
    assert "sslmode" not in parameters({"DATABASE_URL": URL})


@pytest.mark.parametrize(
    "place",
    [
        "host=/run/postgresql",
        "host=@abstract",
        "host=localhost",
        "host=127.0.0.1",
        "host=127.8.9.10",
        "host=::1",
        "dbname=d",
        "host=db.example hostaddr=127.0.0.1",
        "host=localhost,/tmp",
    ],
)
def test_production_needs_no_tls_on_this_machine(place: str) -> None:
    assert "sslmode" not in parameters({"HOLDFAST_ENV": "production", "DATABASE_URL": place})


@pytest.mark.parametrize(
    "place",
    [
        "host=10.0.0.1",
        "host=localhost.example",
        "host=localhost,db.example",
        "host=localhost hostaddr=10.0.0.1",
        "host=2001:db8::1",
        "host=0.0.0.0",
    ],
)
def test_production_needs_tls_to_any_server_elsewhere(place: str) -> None:
    assert parameters({"HOLDFAST_ENV": "production", "DATABASE_URL": place})["sslmode"] == "require"
    with pytest.raises(Unsafe):
        endpoint({"HOLDFAST_ENV": "production", "DATABASE_URL": f"{place} sslmode=prefer"})


def test_an_address_from_libpqs_variables_counts_as_one() -> None:
    elsewhere = {"HOLDFAST_ENV": "production", "DATABASE_URL": "host=localhost", "PGHOSTADDR": "10.0.0.1"}
    assert parameters(elsewhere)["sslmode"] == "require"


def test_production_does_not_leave_tls_to_a_service() -> None:
    service = {"HOLDFAST_ENV": "production", "PGSERVICE": "main"}
    with pytest.raises(Unsafe, match="PGSERVICE"):
        endpoint(service)
    assert parameters({**service, "PGSSLMODE": "verify-full"})["sslmode"] == "verify-full"


def test_a_service_is_completed_by_its_file_only() -> None:
    assert parameters({"PGSERVICE": "main", "PGUSER": "u", "PGPORT": "1"}) == {"service": "main"}


def test_libpq_reads_the_service_file(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"{key}={value}" for key, value in conninfo_to_dict(server).items()]
    file = tmp_path / "services"
    file.write_text("\n".join(["[main]", *lines]))
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    with psycopg.connect(endpoint({"PGSERVICE": "main"}).conninfo) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("holdfast",)


def test_the_direct_connection_follows_the_same_rules() -> None:
    direct = {
        "DATABASE_URL": "host=localhost",
        "HOLDFAST_DIRECT_DATABASE_URL": "host=10.0.0.1 sslmode=prefer",
    }
    assert conninfo_to_dict(endpoint(direct).direct)["host"] == "10.0.0.1"
    with pytest.raises(Unsafe, match="HOLDFAST_DIRECT_DATABASE_URL"):
        endpoint({**direct, "HOLDFAST_ENV": "production"})


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=4))
@example("'quoted \\ twice'")
@example("***")
def test_a_password_is_never_shown(password: str) -> None:
    conninfo = make_conninfo("", host="h", user="u", password=password)
    found = Endpoint(conninfo, embedded=False, origin="test")
    assert conninfo_to_dict(found.shown)["password"] == HIDDEN
    assert conninfo_to_dict(found.conninfo)["password"] == password
    # letters of it that stand in what is shown anyway prove nothing
    assume(password not in "host=h user=u password=*** Endpoint(embedded=False, origin='test')")
    for text in (
        found.shown,
        repr(found),
        str(found),
        scrubbed(f"<{conninfo}> <{password}>", parse(conninfo, "")),
    ):
        assert password not in text


def test_other_secrets_are_hidden_too() -> None:
    secrets = {"sslpassword": "keykey", "scram_client_key": "scram1", "scram_server_key": "scram2"}
    line = shown({"host": "h", **secrets})
    assert not [value for value in secrets.values() if value in line]
