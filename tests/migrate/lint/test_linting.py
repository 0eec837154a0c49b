"""What lint knows around a statement: blocks, new tables, earlier files, sizes, ways back, allowances."""

from __future__ import annotations

import psycopg
import pytest

from holdfast.migrate.adopting.baseline import baseline, dump
from holdfast.migrate.lint.finding import Finding
from holdfast.migrate.lint.linting import judged, lint
from holdfast.migrate.lint.squawk import squawk_findings, squawk_path
from holdfast.migrate.plan import declared_files
from tests.fixtures.migrations import migration


def found(*files: str, sizes: dict[str, int] | None = None) -> list[Finding]:
    """Lint files; one without marks is the statements that it applies."""
    read = [
        migration(
            f"app/{number:04}_file", each if "-- UP" in each else f"-- irreversible: test\n-- UP\n{each}"
        )
        for number, each in enumerate(files, 1)
    ]
    return lint(read, sizes=sizes)


def rules(*files: str, sizes: dict[str, int] | None = None) -> list[str]:
    return [finding.rule for finding in found(*files, sizes=sizes)]


def dangers(*files: str, sizes: dict[str, int] | None = None) -> list[str]:
    return [finding.rule for finding in found(*files, sizes=sizes) if finding.level == "danger"]


# The kinds that squawk misses: what is found, in the file itself and inside of a block.
MISSED = [
    ("UPDATE app.orders SET note = '';", "update-all-rows"),
    ("DELETE FROM app.orders;", "delete-all-rows"),
    ("DELETE FROM app.orders WHERE true;", "delete-all-rows"),
    ("UPDATE app.orders SET note = '' WHERE 1 = 1;", "update-all-rows"),
    ("VACUUM FULL app.orders;", "vacuum-full"),
    ("LOCK TABLE app.orders;", "lock-table"),
    ("CLUSTER app.orders USING orders_pkey;", "cluster"),
    ("ALTER TABLE app.orders SET LOGGED;", "rewrite-table"),
    ("CREATE TRIGGER t BEFORE INSERT ON app.orders FOR EACH ROW EXECUTE FUNCTION f();", "create-trigger"),
    ("REFRESH MATERIALIZED VIEW app.totals;", "refresh-materialized-view"),
    ("ALTER TABLE app.log ATTACH PARTITION app.log_1 FOR VALUES FROM (1) TO (2);", "attach-partition"),
    ("ALTER TABLE app.orders DISABLE ROW LEVEL SECURITY;", "disable-row-security"),
    ("GRANT SELECT ON app.orders TO PUBLIC;", "grant-to-public"),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';",
        "security-definer-search-path",
    ),
    ("DROP TABLE app.orders;", "drop-table"),
]


@pytest.mark.parametrize(("statement", "rule"), MISSED)
def test_what_others_miss_is_found_also_in_blocks(statement: str, rule: str) -> None:
    assert rule in rules(statement)
    quoted = statement.removesuffix(";").replace("'", "''")
    blocks = [
        f"DO $$ BEGIN {statement} END $$;",
        f"DO $$ DECLARE r app.orders%ROWTYPE; BEGIN FOR r IN SELECT 1 LOOP {statement} END LOOP; END $$;",
        f"DO $$ BEGIN NULL; EXCEPTION WHEN others THEN {statement} END $$;",
        f"DO $$ BEGIN EXECUTE '{quoted}'; END $$;",
        f"DO $$ BEGIN EXECUTE format('{quoted}'); END $$;",
        f"CREATE FUNCTION app.go() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {statement} END $$;\n"
        "SELECT app.go();",
    ]
    for block in blocks:
        assert rule in rules(block), block


def test_bodies_that_nobody_calls_are_not_statements_of_the_migration() -> None:
    body = (
        "CREATE FUNCTION app.go() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DELETE FROM app.orders; END $$;"
    )
    assert rules(body) == []
    assert rules(body + "\nSELECT app.gone();") == []


def test_a_name_that_a_block_fills_in_hides_nothing() -> None:
    assert "drop-table" in rules(
        "DO $$ DECLARE w text; BEGIN EXECUTE 'DROP TABLE ' || quote_ident(w); END $$;"
    )
    assert "create-index" in rules("DO $$ BEGIN EXECUTE format('CREATE INDEX ON app.%I (id)', 'x'); END $$;")


def test_a_finding_stands_in_the_line_of_its_statement() -> None:
    content = (
        "-- UP\nCREATE TABLE app.t (id bigint PRIMARY KEY);\n\nDO $$\nBEGIN\n"
        "  -- a comment\n  DELETE FROM app.orders;\nEND\n$$;\n-- DOWN\n\nDROP TABLE app.bills;\n"
    )
    assert [(each.rule, each.line) for each in found(content)] == [("delete-all-rows", 7), ("drop-table", 12)]
    assert found(content)[0].found.endswith("(in DO)")


def test_a_new_table_may_be_altered_freely() -> None:
    assert (
        dangers(
            "CREATE TABLE app.t (id bigint PRIMARY KEY, a int, b text);\n"
            "ALTER TABLE app.t ADD COLUMN c uuid NOT NULL DEFAULT gen_random_uuid();\n"
            "ALTER TABLE app.t ALTER COLUMN a TYPE bigint, ALTER COLUMN b SET NOT NULL;\n"
            "ALTER TABLE app.t ADD CONSTRAINT u UNIQUE (b), ADD CONSTRAINT k CHECK (a > 0);\n"
            "CREATE INDEX ON app.t (a);\nUPDATE app.t SET a = 1;\nDELETE FROM app.t;\n"
            "ALTER TABLE app.t RENAME COLUMN b TO d;\nTRUNCATE app.t;\nDROP TABLE app.t;"
        )
        == []
    )


def test_a_table_that_may_have_been_there_is_not_new() -> None:
    assert "create-index" in rules(
        "CREATE TABLE IF NOT EXISTS app.t (id int);\nCREATE INDEX i ON app.t (id);"
    )


def test_a_table_of_an_earlier_file_is_not_new() -> None:
    made = "CREATE TABLE app.t (id bigint PRIMARY KEY);"
    assert dangers(made, "CREATE INDEX i ON app.t (id);") == ["create-index"]


def test_names_without_a_schema_are_those_of_the_search_path() -> None:
    new = "CREATE TABLE t (id bigint PRIMARY KEY);\n"
    assert dangers(new + "CREATE INDEX ON public.t (id);") == []
    assert dangers(f"SET search_path = app;\n{new}CREATE INDEX ON app.t (id);") == []
    assert dangers(f"SET search_path = app;\n{new}CREATE INDEX ON public.t (id);") == ["create-index"]


@pytest.mark.parametrize(
    ("old", "new", "safe"),
    [
        ("varchar(10)", "varchar(20)", True),
        ("varchar(20)", "varchar(10)", False),
        ("varchar(10)", "text", True),
        ("text", "varchar", True),
        ("text", "varchar(10)", False),
        ("numeric(10, 2)", "numeric(12, 2)", True),
        ("numeric(10, 2)", "numeric(12, 3)", False),
        ("numeric(10, 2)", "numeric", True),
        ("int", "bigint", False),
        ("text", "text[]", False),
        ("cidr", "inet", True),
    ],
)
def test_a_wider_type_is_not_a_rewrite(old: str, new: str, *, safe: bool) -> None:
    made = f"CREATE TABLE app.t (id bigint PRIMARY KEY, c {old});"
    wanted = [] if safe else ["change-column-type"]
    assert dangers(made, f"ALTER TABLE app.t ALTER COLUMN c TYPE {new};") == wanted


def test_a_validated_check_lets_not_null_be_set() -> None:
    made = "CREATE TABLE app.t (id bigint PRIMARY KEY, c text);"
    added = "ALTER TABLE app.t ADD CONSTRAINT full_c CHECK (c IS NOT NULL) NOT VALID;"
    validated = "ALTER TABLE app.t VALIDATE CONSTRAINT full_c;"
    required = "ALTER TABLE app.t ALTER COLUMN c SET NOT NULL;\nALTER TABLE app.t DROP CONSTRAINT full_c;"
    assert dangers(made, added, validated, required) == []
    assert dangers(made, added, required) == ["set-not-null", "drop-constraint"]


def test_a_way_back_does_not_make_later_files_forget_what_was_made() -> None:
    back = "-- UP\n{}\n-- DOWN\n{}\n"
    drop = "DROP TABLE app.t;"
    made = back.format("CREATE TABLE app.t (id bigint PRIMARY KEY, c varchar(20));", drop)
    assert dangers(made, "ALTER TABLE app.t ALTER COLUMN c TYPE varchar(40);") == []
    assert dangers(made, "ALTER TABLE app.t ALTER COLUMN c TYPE varchar(10);") == ["change-column-type"]
    parts = back.format("CREATE TABLE app.t (id bigint, c text) PARTITION BY RANGE (id);", drop)
    index = "-- no-transaction\n" + back.format(
        "CREATE INDEX CONCURRENTLY i ON app.t (c);", "DROP INDEX CONCURRENTLY app.i;"
    )
    assert "index-on-partitioned-table" in rules(parts, index)
    added = back.format(
        "ALTER TABLE app.t ADD CONSTRAINT full_c CHECK (c IS NOT NULL) NOT VALID;",
        "ALTER TABLE app.t DROP CONSTRAINT full_c;",
    )
    validated = back.format("ALTER TABLE app.t VALIDATE CONSTRAINT full_c;", "SELECT 1;")
    required = back.format(
        "ALTER TABLE app.t ALTER COLUMN c SET NOT NULL;", "ALTER TABLE app.t ALTER COLUMN c DROP NOT NULL;"
    )
    assert dangers(made, added, validated, required) == []
    renamed = back.format(
        "ALTER TABLE app.t RENAME COLUMN c TO d;", "ALTER TABLE app.t RENAME COLUMN d TO c;"
    )
    wider = "ALTER TABLE app.t ALTER COLUMN d TYPE varchar(40);"
    assert dangers(made, renamed, wider) == dangers(made, renamed)


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("SET lock_timeout = 0;", ["disables-timeouts"]),
        ("SET LOCAL lock_timeout TO '0s';", ["disables-timeouts"]),
        ("SET lock_timeout = '0.1ms';", ["disables-timeouts"]),
        ("SET lock_timeout TO DEFAULT;", ["disables-timeouts"]),
        ("RESET lock_timeout;", ["disables-timeouts"]),
        ("RESET ALL;", ["disables-timeouts"]),
        ("SELECT set_config('lock_timeout', '0', true);", ["disables-timeouts"]),
        ("SET lock_timeout = '5s';", ["own-lock-timeout"]),
        ("SET LOCAL lock_timeout = 500;", ["own-lock-timeout"]),
        ("SELECT set_config('lock_timeout', '1min', true);", ["own-lock-timeout"]),
        ("SELECT set_config('lock_timeout', current_setting('app.wait'), true);", ["own-lock-timeout"]),
        ("SELECT set_config('app.note', 'lock_timeout', true);", []),
        ("SET work_mem = '64MB';", []),
    ],
)
def test_a_lock_timeout_that_ends_is_not_one_that_is_switched_off(statement: str, wanted: list[str]) -> None:
    assert rules(statement) == wanted


def test_names_that_only_running_it_tells_are_said_to_be() -> None:
    said = found(
        "DO $$ DECLARE w text; BEGIN EXECUTE 'DROP TABLE ' || quote_ident(w);"
        " EXECUTE format('DROP TABLE app.%I', w); EXECUTE format('DROP TABLE app.log_%s', w); END $$;"
    )
    assert [each.found for each in said if each.rule == "drop-table"] == [
        "DROP TABLE a name known only at run time (in DO EXECUTE)",
        "DROP TABLE a name known only at run time (app.*) (in DO EXECUTE)",
        "DROP TABLE a name known only at run time (app.log_*) (in DO EXECUTE)",
    ]
    assert "holdfast_unknown" not in str([each.fields() for each in said])


def test_functions_in_front_of_what_they_name_may_be_made_unchecked() -> None:
    off = "SET check_function_bodies = false;\n"
    function = "CREATE FUNCTION app.f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM app.t';\n"
    table = "CREATE TABLE app.t (id bigint PRIMARY KEY);\n"
    assert rules(off + function + table) == []
    assert rules(off + table) == []
    assert rules(off + table + function) == ["function-bodies-unchecked"]
    assert dangers(off + table + function) == []
    assert rules(off.replace("false", "true") + function) == []


def test_a_baseline_needs_no_allowance(empty_conninfo: str) -> None:
    with psycopg.connect(empty_conninfo, autocommit=True) as connection:
        connection.execute("CREATE TABLE public.t (id bigint PRIMARY KEY, c text NOT NULL CHECK (c <> ''))")
        connection.execute("CREATE TABLE public.u (id bigint PRIMARY KEY, t bigint REFERENCES public.t)")
        connection.execute("CREATE INDEX u_t ON public.u (t)")
        connection.execute(
            "CREATE FUNCTION public.f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.t'"
        )
    made = baseline(dump(empty_conninfo), system="shop", shown="migrations", origin="what it holds")
    assert "SET check_function_bodies = false" in made.content
    assert lint([made]) == []


def test_columns_that_are_not_null_may_become_the_key() -> None:
    made = "CREATE TABLE app.t (id bigint NOT NULL UNIQUE, a bigint, b bigint NOT NULL);"
    index = (
        "-- no-transaction\n-- UP\nCREATE UNIQUE INDEX CONCURRENTLY k ON app.t ({});\n-- DOWN\nSELECT 1;\n"
    )
    key = "ALTER TABLE app.t ADD PRIMARY KEY USING INDEX k;"
    assert rules(made, index.format("b"), key) == []
    assert rules(made, index.format("b, a"), key) == ["primary-key-on-nullable-columns"]


def test_sizes_let_small_tables_pass_and_say_how_large_others_are() -> None:
    statement = "CREATE INDEX i ON app.t (id);"
    assert rules(statement, sizes={"app.t": 9_999}) == []
    large = found(statement, sizes={"app.t": 2_000_000})
    assert [(each.rule, each.table, each.rows) for each in large] == [("create-index", "app.t", 2_000_000)]
    assert rules("DROP TABLE app.t;", sizes={"app.t": 0}) == ["drop-table"]


def test_the_way_back_may_take_what_its_file_made_and_no_more() -> None:
    up = (
        "CREATE SCHEMA app;\nCREATE TABLE app.t (id bigint PRIMARY KEY);\n"
        "ALTER TABLE app.u ADD COLUMN c text;\n"
        "ALTER TABLE app.u ADD CONSTRAINT k CHECK (c <> '') NOT VALID;\n"
        "CREATE POLICY p ON app.u TO x USING (id = 1);\n"
        "ALTER TABLE app.u ENABLE ROW LEVEL SECURITY;\n"
    )
    down = (
        "ALTER TABLE app.u DISABLE ROW LEVEL SECURITY;\nDROP POLICY p ON app.u;\n"
        "ALTER TABLE app.u DROP CONSTRAINT k;\nALTER TABLE app.u DROP COLUMN c;\n"
        "DROP TABLE app.t;\nDROP SCHEMA app;\n"
    )
    assert dangers(f"-- UP\n{up}-- DOWN\n{down}") == []
    more = "ALTER TABLE app.u DROP COLUMN d;\nDROP TABLE app.v;\nTRUNCATE app.u;\n"
    assert dangers(f"-- UP\n{up}-- DOWN\n{more}") == ["drop-column", "drop-table", "truncate"]


def test_not_valid_and_validate_in_one_transaction_hold_the_lock() -> None:
    both = (
        "ALTER TABLE app.t ADD CONSTRAINT f FOREIGN KEY (u) REFERENCES app.u (id) NOT VALID;\n"
        "ALTER TABLE app.t VALIDATE CONSTRAINT f;\n"
    )
    assert dangers(both) == ["validate-in-same-transaction"]
    down = "-- DOWN\nALTER TABLE app.t DROP CONSTRAINT f;\n"
    assert dangers(f"-- no-transaction\n-- UP\n{both}{down}") == []


def test_an_allowance_with_its_reason_holds_for_its_statement() -> None:
    allow = "-- holdfast-lint: allow drop-table: nobody has read it for a year\n"
    assert rules(f"-- UP\n{allow}DROP TABLE app.t;\n-- DOWN\nSELECT 1;\n") == []
    inside = f"-- UP\nDO $$\nBEGIN\n  {allow}  DROP TABLE app.t;\nEND $$;\n-- DOWN\nSELECT 1;\n"
    assert rules(inside) == []
    next_one = f"-- UP\n{allow}DROP TABLE app.t;\nDROP TABLE app.u;\n-- DOWN\nSELECT 1;\n"
    assert [(each.rule, each.line) for each in found(next_one)] == [("drop-table", 4)]


def test_an_allowance_above_the_mark_holds_for_the_file() -> None:
    allow = "-- holdfast-lint: allow drop-table, truncate: the whole trial is over\n"
    assert rules(f"{allow}-- UP\nDROP TABLE app.t;\nTRUNCATE app.u;\n-- DOWN\nDROP TABLE app.v;\n") == []


@pytest.mark.parametrize(
    ("comment", "said"),
    [
        ("allow drop-table", "gives no reason"),
        ("allow drop-table:", "gives no reason"),
        ("allow create-index: it is small", "allows nothing here"),
        ("allow drop-tables: a slip", "there is no rule drop-tables"),
        ("permit drop-table: a slip", "is not understood"),
    ],
)
def test_an_allowance_without_reason_or_use_is_a_finding_itself(comment: str, said: str) -> None:
    all_found = found(f"-- UP\n-- holdfast-lint: {comment}\nDROP TABLE app.t;\n-- DOWN\nSELECT 1;\n")
    assert [each.rule for each in all_found] == ["suppression", "drop-table"]
    assert said in all_found[0].found
    assert all_found[0].line == 2


def test_an_allowance_behind_everything_allows_nothing() -> None:
    content = "-- UP\nDROP TABLE app.t;\n-- DOWN\nSELECT 1;\n-- holdfast-lint: allow drop-table: too late\n"
    assert rules(content) == ["drop-table", "suppression"]


def squawked(content: str) -> list[tuple[str, int]]:
    read = migration("app/0001_file", content)
    path = squawk_path()
    assert path is not None
    others = squawk_findings([read], path)
    return [(finding.rule, finding.line) for finding, _ in judged([read], others=others)]


def test_squawk_is_heard_where_ours_are_silent_and_said_once_otherwise() -> None:
    content = "-- UP\n\nALTER TABLE app.t ADD COLUMN c text,\n  DROP COLUMN d;\n-- DOWN\nSELECT 1;\n"
    assert squawked(content) == [("drop-column", 3)]
    heard = "-- UP\n\nSELECT 1;\nUPDATE app.t SET a = 1, a = 2 WHERE id = 1;\n-- DOWN\nSELECT 1;\n"
    assert set(squawked(heard)) == {("squawk:ban-duplicate-column-assignments", 4)}
    allow = "-- holdfast-lint: allow squawk:ban-duplicate-column-assignments: a test"
    quiet = heard.replace("UPDATE", f"{allow}\nUPDATE")
    assert squawked(quiet) == []
    allowed = content.replace("ALTER", "-- holdfast-lint: allow drop-column: unread\nALTER")
    assert squawked(allowed) == []


def test_the_platforms_own_migrations_are_clean() -> None:
    files = declared_files().ordered
    path = squawk_path()
    assert path is not None
    assert [
        (finding.file, finding.line, finding.rule, finding.found)
        for finding, _ in judged(files, others=squawk_findings(files, path))
    ] == []
