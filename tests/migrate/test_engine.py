"""Applying and undoing: together with the history or not at all, once, and in nobody's way."""

from __future__ import annotations

import asyncio
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from holdfast.errors import NotFound, WrongUse
from holdfast.migrate.engine import Done, accept, migrate_down, migrate_up, pending, status
from holdfast.migrate.errors import MigrationFailed, MigrationsDisagree, NotReversible, StillLocked
from holdfast.migrate.header import MigrationId
from holdfast.migrate.plan import Files
from holdfast.postgres.database import Database, Row
from holdfast.settings import Settings
from tests.fixtures.migrations import migration_files, table

TWO = {"a/0001_one": table("public.one"), "a/0002_two": table("public.two")}


def ids(done: list[Done]) -> list[str]:
    return [str(each.id) for each in done]


async def rows(database: Database, text: LiteralString) -> list[Row]:
    return await database.fetch(sql.SQL(text))


async def tables(database: Database) -> list[str]:
    return [
        row["relname"]
        for row in await rows(
            database, "SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY 1"
        )
    ]


async def states(database: Database, files: Files) -> dict[str, str]:
    return {str(entry.id): entry.state for entry in await status(database, files=files)}


async def test_up_then_nothing_to_do_then_down(empty_database: Database) -> None:
    files = migration_files(TWO)
    assert ids(await migrate_up(empty_database, files=files)) == ["a/0001", "a/0002"]
    assert await migrate_up(empty_database, files=files) == []
    assert await tables(empty_database) == ["one", "two"]
    assert ids(await migrate_down(empty_database, "a", files=files)) == ["a/0002"]
    assert await states(empty_database, files) == {"a/0001": "applied", "a/0002": "pending"}
    assert ids(await migrate_up(empty_database, files=files)) == ["a/0002"]
    assert ids(await migrate_down(empty_database, "a", 9, files=files)) == ["a/0002", "a/0001"]
    assert await tables(empty_database) == []
    assert await migrate_down(empty_database, "a", files=files) == []


async def test_the_history_says_who_when_how_long_and_which_file(empty_database: Database) -> None:
    files = migration_files(TWO)
    await migrate_up(empty_database, files=files)
    entry = (await status(empty_database, ["a"], files=files))[0]
    assert entry.applied is not None
    assert entry.applied.name == "one"
    assert entry.applied.checksum == files.ordered[0].checksum
    assert entry.applied.outcome == "applied"
    assert entry.applied.duration_ms >= 0
    assert entry.applied.actor.startswith("postgres ") or " " in entry.applied.actor
    assert entry.applied.version


async def test_status_and_pending_change_nothing(empty_database: Database) -> None:
    files = migration_files(TWO)
    assert set((await states(empty_database, files)).values()) == {"pending"}
    async with empty_database.connection() as connection:
        assert [str(entry.id) for entry in await pending(connection, files=files)] == ["a/0001", "a/0002"]
    assert await rows(empty_database, "SELECT FROM pg_namespace WHERE nspname = 'holdfast'") == []
    await migrate_up(empty_database, files=files)
    async with empty_database.connection() as connection:
        assert await pending(connection, files=files) == []


async def test_only_named_systems_and_what_they_need(empty_database: Database) -> None:
    files = migration_files(
        {"a/0001_x": table("public.a"), "b/0001_x": table("public.b"), "c/0001_x": table("public.c")},
        depends={"b": ("a",)},
    )
    assert ids(await migrate_up(empty_database, ["b"], files=files)) == ["a/0001", "b/0001"]
    assert set(await states(empty_database, files)) == {"a/0001", "b/0001", "c/0001"}
    with pytest.raises(WrongUse, match="no system named d"):
        await migrate_up(empty_database, ["d"], files=files)


async def test_a_failing_statement_is_shown_and_undone(empty_database: Database) -> None:
    bad = (
        "-- UP\nCREATE TABLE public.two (id INT);\n\nINSERT INTO public.two\nVALUES (1),\n (nope);\n"
        "-- DOWN\nSELECT 1;\n"
    )
    files = migration_files({"a/0001_one": TWO["a/0001_one"], "a/0002_two": bad})
    with pytest.raises(MigrationFailed) as caught:
        await migrate_up(empty_database, files=files)
    assert caught.value.message == 'a/0002_two.sql:6: column "nope" does not exist.'
    assert "The database is as it was before this migration." in caught.value.hint
    assert caught.value.details["sqlstate"] == "42703"
    assert await tables(empty_database) == ["one"]
    assert await states(empty_database, files) == {"a/0001": "applied", "a/0002": "pending"}
    good = migration_files(TWO)
    assert ids(await migrate_up(empty_database, files=good)) == ["a/0002"]


async def test_what_fails_while_it_runs_is_shown_by_its_first_line_with_the_servers_hint(
    empty_database: Database,
) -> None:
    files = migration_files(
        {
            "a/0001_x": "-- UP\nSELECT 1;\nDO $$ BEGIN\n"
            "  RAISE EXCEPTION 'no' USING HINT = 'Ask first', DETAIL = 'It said no'; END $$;\n"
            "-- DOWN\nSELECT 1;\n"
        }
    )
    with pytest.raises(MigrationFailed) as caught:
        await migrate_up(empty_database, files=files)
    assert caught.value.message == "a/0001_x.sql:3: no."
    assert caught.value.hint.startswith("It said no. Ask first. ")


async def test_what_cannot_run_in_a_transaction_names_the_header(empty_database: Database) -> None:
    files = migration_files({"a/0001_x": "-- UP\nVACUUM;\n-- DOWN\nSELECT 1;\n"})
    with pytest.raises(MigrationFailed) as caught:
        await migrate_up(empty_database, files=files)
    assert "'-- no-transaction'" in caught.value.hint


async def test_contradictions_stop_up_before_anything_is_done(empty_database: Database) -> None:
    await migrate_up(empty_database, files=migration_files({"a/0001_one": TWO["a/0001_one"]}))
    edited = migration_files({"a/0001_one": TWO["a/0001_one"] + "-- more\n", "b/0001_x": table("public.b")})
    with pytest.raises(MigrationsDisagree, match="was edited after it was applied"):
        await migrate_up(empty_database, files=edited)
    assert await tables(empty_database) == ["one"]


async def test_an_edit_that_alters_nothing_can_be_accepted(empty_database: Database) -> None:
    await migrate_up(empty_database, files=migration_files({"a/0001_one": TWO["a/0001_one"]}))
    edited = migration_files({"a/0001_one": TWO["a/0001_one"] + "-- more\n", "a/0002_two": TWO["a/0002_two"]})
    await accept(empty_database, MigrationId("a", 1), files=edited)
    assert ids(await migrate_up(empty_database, files=edited)) == ["a/0002"]
    for number in (2, 3):
        with pytest.raises(NotFound, match=f"a/000{number}"):
            await accept(empty_database, MigrationId("a", number), files=migration_files(TWO).only([]))


async def test_session_settings_of_one_file_do_not_reach_the_next(empty_database: Database) -> None:
    files = migration_files(
        {
            "a/0001_x": "-- UP\nSET search_path = pg_catalog;\nSET ROLE pg_monitor;\n-- DOWN\nSELECT 1;\n",
            "a/0002_x": "-- UP\nCREATE TABLE here (id INT);\n-- DOWN\nDROP TABLE public.here;\n",
        }
    )
    await migrate_up(empty_database, files=files)
    assert await tables(empty_database) == ["here"]


async def test_down_refuses_what_others_were_built_on(empty_database: Database) -> None:
    files = migration_files(
        {
            "a/0001_x": table("public.a1"),
            "a/0002_x": table("public.a2"),
            "b/0001_x": table("public.b"),
            "c/0001_x": "-- depends: a/0001\n" + table("public.c"),
        },
        depends={"b": ("a",)},
    )
    await migrate_up(empty_database, files=files)
    with pytest.raises(NotReversible, match=r"a/0002 cannot be undone: b/0001 \(x\) was built on it"):
        await migrate_down(empty_database, "a", files=files)
    await migrate_down(empty_database, "b", files=files)
    with pytest.raises(NotReversible, match=r"a/0001 cannot be undone: c/0001"):
        await migrate_down(empty_database, "a", 2, files=files)
    assert await tables(empty_database) == ["a1", "a2", "c"]
    assert ids(await migrate_down(empty_database, "a", files=files)) == ["a/0002"]


async def test_down_of_what_came_after_its_dependents_is_free(empty_database: Database) -> None:
    first = {"a/0001_x": table("public.a1"), "b/0001_x": table("public.b")}
    await migrate_up(empty_database, files=migration_files(first, depends={"b": ("a",)}))
    files = migration_files({**first, "a/0002_x": table("public.a2")}, depends={"b": ("a",)})
    await migrate_up(empty_database, files=files)
    assert ids(await migrate_down(empty_database, "a", files=files)) == ["a/0002"]


async def test_down_refuses_the_irreversible_and_the_missing(empty_database: Database) -> None:
    files = migration_files({"a/0001_x": "-- irreversible: the rows are gone\n-- UP\nSELECT 1;\n"})
    await migrate_up(empty_database, files=files)
    with pytest.raises(NotReversible, match="the rows are gone"):
        await migrate_down(empty_database, "a", files=files)
    with pytest.raises(NotReversible, match="its file is missing"):
        await migrate_down(empty_database, "a", files=migration_files({"a/0002_y": table("y")}))
    with pytest.raises(WrongUse, match="no system named z"):
        await migrate_down(empty_database, "z", files=files)
    with pytest.raises(WrongUse, match="0 steps"):
        await migrate_down(empty_database, "a", 0, files=files)


async def test_a_failing_undo_changes_nothing(empty_database: Database) -> None:
    files = migration_files(
        {
            "a/0001_x": "-- UP\nCREATE TABLE public.t ();\n-- DOWN\n"
            "DROP TABLE public.t;\nDROP TABLE public.t;\n"
        }
    )
    await migrate_up(empty_database, files=files)
    with pytest.raises(MigrationFailed, match=r"a/0001_x\.sql:5: table \"t\" does not exist"):
        await migrate_down(empty_database, "a", files=files)
    assert await tables(empty_database) == ["t"]
    assert await states(empty_database, files) == {"a/0001": "applied"}


async def test_any_number_at_once_apply_each_once(empty_database: Database) -> None:
    files = migration_files({f"a/{number:04}_x": table(f"t{number}") for number in range(1, 21)})
    done = await asyncio.gather(*(migrate_up(empty_database, files=files) for _ in range(8)))
    assert sorted(each for list_ in done for each in ids(list_)) == [f"a/{n:04}" for n in range(1, 21)]
    assert await migrate_up(empty_database, files=files) == []


async def test_up_and_down_at_once_leave_no_contradiction(empty_database: Database) -> None:
    files = migration_files(TWO)
    await migrate_up(empty_database, files=files)
    await asyncio.gather(
        *(migrate_up(empty_database, files=files) for _ in range(3)),
        *(migrate_down(empty_database, "a", files=files) for _ in range(3)),
    )
    await migrate_up(empty_database, files=files)
    assert await tables(empty_database) == ["one", "two"]
    assert set((await states(empty_database, files)).values()) == {"applied"}


ALTER = {
    "a/0001_one": TWO["a/0001_one"],
    "a/0002_more": "-- lock-budget: 50ms\n-- UP\nALTER TABLE public.one ADD more INT;\n"
    "-- DOWN\nALTER TABLE public.one DROP more;\n",
}


async def test_a_locked_table_is_tried_again_without_holding_up_others(empty_database: Database) -> None:
    files = migration_files(ALTER)
    await migrate_up(empty_database, files=migration_files({"a/0001_one": TWO["a/0001_one"]}))
    async with empty_database.transaction() as reader:
        await reader.execute("SELECT * FROM public.one")
        going = asyncio.create_task(migrate_up(empty_database, files=files))
        async with empty_database.connection() as other:
            await other.execute("SET lock_timeout = '2s'")
            for _ in range(10):
                await other.execute("SELECT * FROM public.one")
                await asyncio.sleep(0.03)
            await other.execute("RESET lock_timeout")
        assert not going.done()
    assert ids(await asyncio.wait_for(going, 30)) == ["a/0002"]


async def test_patience_ends_with_what_to_do(empty_database: Database, empty_conninfo: str) -> None:
    await migrate_up(empty_database, files=migration_files({"a/0001_one": TWO["a/0001_one"]}))
    hasty = Settings({"HOLDFAST_MIGRATE_PATIENCE": "200ms"})
    async with (
        Database.open(empty_conninfo, hasty, min_size=1) as database,
        empty_database.transaction() as reader,
    ):
        await reader.execute("SELECT * FROM public.one")
        with pytest.raises(StillLocked, match=r"a/0002_more\.sql:3: others held the locks") as caught:
            await migrate_up(database, files=migration_files(ALTER))
    assert caught.value.exit_code == 3
    assert await rows(empty_database, "SELECT * FROM public.one") == []
    assert ids(await migrate_up(empty_database, files=migration_files(ALTER))) == ["a/0002"]


async def test_those_who_wait_are_told_and_give_up_in_time(
    empty_database: Database, empty_conninfo: str
) -> None:
    files = migration_files(TWO)
    await migrate_up(empty_database, files=migration_files({"a/0001_one": TWO["a/0001_one"]}))
    told: list[str] = []
    hasty = Settings({"HOLDFAST_MIGRATE_PATIENCE": "4s"})
    async with (
        Database.open(empty_conninfo, hasty, min_size=1) as database,
        empty_database.transaction() as other,
    ):
        await other.execute("SELECT FROM holdfast.migration_lock FOR UPDATE")
        with pytest.raises(StillLocked, match="Another process has been migrating"):
            await migrate_up(database, files=files, tell=told.append)
    assert told == ["Another process is migrating this database; waiting for it."]
    assert ids(await migrate_up(empty_database, files=files)) == ["a/0002"]


async def test_many_make_the_history_at_once(empty_database: Database) -> None:
    files = migration_files({"a/0001_x": table("public.t")})
    for _ in range(5):
        done = await asyncio.gather(*(migrate_up(empty_database, files=files) for _ in range(6)))
        assert sum(len(each) for each in done) == 1
        await empty_database.execute(sql.SQL("DROP SCHEMA holdfast CASCADE; DROP TABLE public.t"))


async def test_the_history_takes_only_known_outcomes(empty_database: Database) -> None:
    await migrate_up(empty_database, files=migration_files(TWO))
    with pytest.raises(psycopg.errors.CheckViolation):
        await rows(empty_database, "UPDATE holdfast.migrations SET outcome = 'dirty'")


async def test_up_to_a_file_applies_it_and_what_it_needs(empty_database: Database) -> None:
    contents = {**TWO, "a/0003_three": table("public.three"), "b/0001_other": table("public.other")}
    contents["a/0002_two"] = "-- depends: b/0001\n" + contents["a/0002_two"]
    contents["b/0002_more"] = table("public.more")
    files = migration_files(contents)
    done = await migrate_up(empty_database, to=MigrationId("a", 2), files=files)
    assert sorted(ids(done)) == ["a/0001", "a/0002", "b/0001"]
    assert await migrate_up(empty_database, to=MigrationId("a", 1), files=files) == []
    with pytest.raises(NotFound, match="a/0009"):
        await migrate_up(empty_database, to=MigrationId("a", 9), files=files)


async def test_places_are_told_in_order_and_an_error_there_undoes_the_file(empty_database: Database) -> None:
    two_statements = "-- UP\nCREATE TABLE public.t (x INT);\nSELECT 1;\n-- DOWN\nDROP TABLE public.t;\n"
    files = migration_files({"a/0001_t": two_statements})
    places: list[str] = []

    async def stop_before_commit(place: str) -> None:
        places.append(place)
        if place == "before commit":
            raise RuntimeError(place)

    with pytest.raises(RuntimeError, match="before commit"):
        await migrate_up(empty_database, files=files, at=stop_before_commit)
    assert places == ["before 1", "after 1", "before 2", "after 2", "before commit"]
    assert await states(empty_database, files) == {"a/0001": "pending"}
    assert await tables(empty_database) == []
