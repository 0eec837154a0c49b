"""Splitting agrees with PostgreSQL's own scanner, whatever hides a semicolon."""

from __future__ import annotations

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.migrate.splitting import Unterminated, split

PIECES = [
    "1",
    "'a;b'",
    "'it''s; -- not a comment'",
    "E'\\';'",
    "e'a\\\\'",
    "E'a'\n ';\\''",
    "E'a' -- ;\n ';\\''",
    "'back\\'",
    "U&'\\0061;'",
    "B'1'",
    "$$;$$",
    "$x$ ; $$ ' $x$",
    "$é$;$é$",
    "/* ; /* ' */ ; */ 1",
    "-- ; ' $$\n1",
    '1 AS "a;"";b"',
    "1 AS e",
    "1 AS a$b$c",
    "(SELECT ';')",
    "ARRAY[1, 2]",
    "CASE WHEN true THEN ';' END",
    "1 - -1",
    "2 * 3",
    "6 / 2",
]
texts = st.lists(
    st.tuples(
        st.lists(st.sampled_from(PIECES), min_size=1, max_size=4),
        st.sampled_from([";", " ;\n", "; -- ' ;\n", ";;", "; /* ; */ ;\n"]),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(parts=texts)
def test_server_finds_the_same_statements(server: str, parts: list[tuple[list[str], str]]) -> None:
    text = "".join(f"SELECT {', '.join(pieces)}{end}" for pieces, end in parts)
    statements = split(text)
    with psycopg.connect(server, autocommit=True) as connection:
        whole = connection.execute(text)
        together = [whole.fetchall()]
        while whole.nextset():
            together.append(whole.fetchall())
        alone = [connection.execute(statement.text).fetchall() for statement in statements]
    assert alone == together


@settings(max_examples=200)
@given(st.text(alphabet="'\"$;-/*()eE\\\n aZ_1é", max_size=40))
def test_any_text_ends_with_statements_or_a_named_line(text: str) -> None:
    try:
        statements = split(text)
    except Unterminated as error:
        lines = {error.line}
    else:
        lines = {statement.line for statement in statements}
        assert all(statement.text in text for statement in statements)
    assert all(text.split("\n")[line - 1].strip() for line in lines)


def test_lines_and_words() -> None:
    first, second = split(
        "-- why\n\nCREATE  TABLE t ();\n\n/* x\n */ select 'A' from \"B\", $$C$$\n", first_line=10
    )
    assert (first.text, first.line, first.words) == ("CREATE  TABLE t ()", 12, ("CREATE", "TABLE", "T"))
    assert second.line == 15
    assert second.words == ("SELECT", "FROM")


def test_routine_bodies_of_standard_sql_stay_whole() -> None:
    body = (
        "CREATE OR REPLACE FUNCTION f(a INT) RETURNS INT LANGUAGE sql BEGIN ATOMIC\n"
        "SELECT CASE WHEN a > 1 THEN 1 ELSE 2 END;\nSELECT 3;\nEND"
    )
    assert [statement.text for statement in split(f"{body}; SELECT 1;")] == [body, "SELECT 1"]


def test_rules_with_several_statements_stay_whole() -> None:
    rule = "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)"
    assert [statement.text for statement in split(f"{rule}; SELECT 1")] == [rule, "SELECT 1"]


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("SELECT 1;\nSELECT 'a", "string", 2),
        ("SELECT E'a\\'", "string", 1),
        ('\n\n"a', "quoted name", 3),
        ("SELECT $$ a", "body $$", 1),
        ("SELECT 1;\n/* /* */", "comment", 2),
    ],
)
def test_what_is_never_closed_is_named(text: str, what: str, line: int) -> None:
    with pytest.raises(Unterminated) as caught:
        split(text)
    assert (caught.value.what, caught.value.line) == (what, line)
