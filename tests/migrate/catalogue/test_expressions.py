"""Parentheses that mean nothing do not count; those that mean something do."""

from __future__ import annotations

import pytest

from holdfast.migrate.catalogue.expressions import alike


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CHECK (((a OR b) OR c))", "CHECK ((a OR b OR c))"),
        ("WHEN (((x = 1) AND (((a AND b) AND c))))", "WHEN (((x = 1) AND ((a AND b AND c))))"),
        ("((a = ')'::text) OR b) OR c", "(a = ')'::text) OR b OR c"),
        (7, 7),
    ],
)
def test_the_same(one: object, other: object) -> None:
    assert alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(a OR b) AND c", "a OR (b AND c)"),
        ("(a AND b) OR c", "a AND b OR d"),
        ("NOT (a OR b) OR c", "NOT a OR b OR c"),
        ("f(a OR b) OR c", "f a OR b OR c"),
        ("a = 'x OR (y)' OR b", "a = 'x OR y' OR b"),
        ("a - (b - c)", "a - b - c"),
        ("x OR y", None),
    ],
)
def test_not_the_same(one: object, other: object) -> None:
    assert not alike(one, other)
