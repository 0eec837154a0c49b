"""Commands as their users run them: output, exit codes, and what they say when something is wrong."""

from __future__ import annotations

import json
import socket

import pytest

from tests.fixtures.commands import HoldfastCommands


def test_help_names_every_command(holdfast: HoldfastCommands) -> None:
    ended = holdfast.run("--help")
    assert ended.returncode == 0
    for name in ("up", "down", "status", "doctor", "psql", "migrate", "users", "chains", "triggers"):
        assert f"\n  {name} " in ended.stdout


def test_an_unknown_command_is_wrong_use(holdfast: HoldfastCommands) -> None:
    ended = holdfast.run("uppp")
    assert ended.returncode == 2
    assert "No such command" in ended.stderr


def test_a_bad_setting_is_wrong_use_and_says_so_as_json_too(holdfast: HoldfastCommands) -> None:
    ended = holdfast.run("status", HOLDFAST_LOG_LEVEL="loud")
    assert ended.returncode == 2
    assert "HOLDFAST_LOG_LEVEL" in ended.stderr
    assert ended.stdout == ""
    ended = holdfast.run("status", "--json", HOLDFAST_LOG_LEVEL="loud")
    problem = json.loads(ended.stderr)
    assert (ended.returncode, problem["error"]) == (2, "wrong_use")
    assert ended.stdout == ""


def test_a_server_that_cannot_be_reached_is_try_again_without_its_password(
    holdfast: HoldfastCommands,
) -> None:
    ended = holdfast.run("status", DATABASE_URL="postgresql://somebody:hunter2@127.0.0.1:9/x")
    assert ended.returncode == 3
    assert "hunter2" not in ended.stderr + ended.stdout
    assert "hint:" in ended.stderr


def test_status_of_a_new_data_directory(holdfast: HoldfastCommands) -> None:
    told = holdfast.json("status")
    assert told["running"] is None
    assert told["data_dir"] == str(holdfast.data_dir)
    assert {"service", "chain", "triggers", "queue"} <= set(told["parts"])
    shown = holdfast.run("status").stdout
    assert "does not run" in shown
    assert "holdfast up" in shown


def test_status_lists_the_roles_of_a_process(holdfast: HoldfastCommands) -> None:
    assert {"serve", "follow"} <= set(holdfast.json("status", "--roles"))


def test_doctor_shows_settings_with_their_origin_and_hides_secrets(holdfast: HoldfastCommands) -> None:
    ended = holdfast.run("doctor", "--json", HOLDFAST_TOKEN_KEY="hunter2", HOLDFAST_API_PORT="0")
    told = json.loads(ended.stdout)
    values = {line["name"]: line["value"] for line in told["settings"]}
    assert values["HOLDFAST_TOKEN_KEY"] == "(hidden)  (environment HOLDFAST_TOKEN_KEY)"
    assert values["HOLDFAST_API_PORT"] == "0  (environment HOLDFAST_API_PORT)"
    assert "hunter2" not in ended.stdout + ended.stderr
    assert any("18" in line["value"] for line in told["postgres"])


def test_doctor_is_red_with_a_hint_where_the_port_is_taken(holdfast: HoldfastCommands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = holdfast.run("doctor", "--json", HOLDFAST_API_PORT=str(taken.getsockname()[1]))
    (port,) = json.loads(ended.stdout)["api"]
    assert ended.returncode == 1
    assert port["state"] == "error"
    assert "--port" in port["hint"]


def test_doctor_names_a_key_of_the_file_that_is_no_setting(holdfast: HoldfastCommands) -> None:
    holdfast.data_dir.parent.joinpath("holdfast.toml").write_text(
        "[postgres]\npool_mni = 3\n", encoding="utf-8"
    )
    ended = holdfast.run("doctor")
    assert ended.returncode == 1
    assert "postgres.pool_mni is not a setting; did you mean postgres.pool_min?" in ended.stdout


@pytest.mark.parametrize(("system", "schema"), [("triggers", "triggers"), ("", "holdfast")])
def test_psql_has_the_schema_on_its_search_path(holdfast: HoldfastCommands, system: str, schema: str) -> None:
    holdfast.json("status")
    arguments = [part for part in ("psql", system, "--", "-Atc", "SELECT current_schema()") if part]
    ended = holdfast.run(*arguments)
    assert (ended.returncode, ended.stdout.strip()) == (0, schema), ended.stderr


def test_psql_runs_what_the_seed_prints(holdfast: HoldfastCommands) -> None:
    holdfast.json("status")
    printed = "SELECT * FROM triggers WHERE chain_id = 84532 AND registry = 'reputation' AND enabled = true;"
    ended = holdfast.run("psql", "triggers", "--", "-v", "ON_ERROR_STOP=1", "-c", printed)
    assert ended.returncode == 0, ended.stderr
    assert "(0 rows)" in ended.stdout


def test_psql_hands_on_its_exit_code_and_refuses_an_unknown_system(holdfast: HoldfastCommands) -> None:
    assert holdfast.run("psql", "--", "-v", "ON_ERROR_STOP=1", "-f", "-", input="SELECT 1/0;").returncode == 3
    ended = holdfast.run("psql", "trigers")
    assert ended.returncode == 2
    assert "triggers" in ended.stderr


def test_down_where_nothing_runs(holdfast: HoldfastCommands) -> None:
    assert holdfast.json("down") == {"stopped": None}


def test_wrong_use_is_json_under_json(holdfast: HoldfastCommands) -> None:
    for arguments in (("users", "create", "--json"), ("nonsense", "--json"), ("up", "--port", "x", "--json")):
        ended = holdfast.run(*arguments)
        assert (ended.returncode, json.loads(ended.stderr)["error"]) == (2, "wrong_use")
        assert ended.stdout == ""


def test_a_folder_with_other_files_is_refused_and_left_as_it_was(holdfast: HoldfastCommands) -> None:
    holdfast.data_dir.mkdir()
    holdfast.data_dir.chmod(0o755)
    (holdfast.data_dir / "mine").write_text("mine", encoding="utf-8")
    for command in ("status", "up"):
        ended = holdfast.run(command, "--json")
        assert ended.returncode == 1
        assert "not Holdfast's" in json.loads(ended.stderr)["message"]
    assert holdfast.data_dir.stat().st_mode & 0o777 == 0o755
    assert [entry.name for entry in holdfast.data_dir.iterdir()] == ["mine"]


def test_an_empty_data_directory_option_is_not_the_current_folder(holdfast: HoldfastCommands) -> None:
    ended = holdfast.run("status", "--data-dir", "")
    assert ended.returncode == 2
    assert "--data-dir" in ended.stderr


def test_up_looks_at_every_setting_before_it_starts_anything(holdfast: HoldfastCommands) -> None:
    assert holdfast.run("up", HOLDFAST_API_PORT="99999").returncode == 2
    holdfast.data_dir.parent.joinpath("holdfast.toml").write_text("[web]\nprot = 3\n", encoding="utf-8")
    ended = holdfast.run("up")
    assert ended.returncode == 2
    assert "web.prot is not a setting; did you mean web.port?" in ended.stderr
    assert not holdfast.data_dir.exists()


def test_doctor_says_who_named_the_server(holdfast: HoldfastCommands) -> None:
    told = json.loads(holdfast.run("doctor", "--json").stdout)
    assert told["server"] == [
        {"name": "named by", "value": f"embedded in {holdfast.data_dir}", "state": "ok", "hint": ""}
    ]
