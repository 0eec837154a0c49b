"""Conditions mean what they say: every operator against an oracle in plain Python, refusals by name."""

from __future__ import annotations

import asyncio
import json
import operator as python
from collections.abc import Callable
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.postgres.database import Database
from tests.triggers.chain import Chain, feedback, registered
from tests.triggers.conftest import Condition, Maker, add_conditions, until_blocked

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": python.eq,
    "!=": python.ne,
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
}
TAGS = ["", "a", "A", "b", "ab", "a%b", "a_b", "a\\b", "é", "z", "\u4e2d"]
CHAIN_IDS = count(1)


def holds(condition: Condition, event: dict[str, Any]) -> bool:
    """Say whether a condition holds for an event; one that does not apply does not hold."""
    kind, field, operator, value = condition
    told = event[field]
    if told is None:
        return False
    if kind in ("event_type_equals", "tag_equals"):
        if operator == "contains":
            return value in told
        if operator == "in":
            return told in json.loads(value)
        return COMPARE[operator](told.encode(), value.encode())
    if operator == "in":
        return told in [Decimal(part) for part in value.split(",")]
    return COMPARE[operator](told, Decimal(value))


numbers = st.sampled_from(["0", "1", "2", "5", "49.99", "50", "-1.5", "100", "+3", "007"])
agent_ids = st.sampled_from(["0", "1", "2", str(2**256 - 1)])
number_operators = st.sampled_from([*COMPARE, "in"])
text_operators = st.sampled_from([*COMPARE, "in", "contains"])


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """Return a condition of any type with any operator that it takes."""
    kind = draw(st.sampled_from(["event_type_equals", "agent_id_equals", "score_threshold", "tag_equals"]))
    if kind in ("agent_id_equals", "score_threshold"):
        operator = draw(number_operators)
        values = agent_ids if kind == "agent_id_equals" else numbers
        field = "agent_id" if kind == "agent_id_equals" else draw(st.sampled_from(["score", "value"]))
        if operator == "in":
            return kind, field, operator, ", ".join(draw(st.lists(values, min_size=1, max_size=3)))
        return kind, field, operator, draw(values)
    field = "event_type" if kind == "event_type_equals" else draw(st.sampled_from(["tag1", "tag2", "tag"]))
    texts = st.sampled_from(["NewFeedback", "Registered", "New", ""] if field == "event_type" else TAGS)
    operator = draw(text_operators)
    if operator == "in":
        return kind, field, operator, json.dumps(draw(st.lists(texts, min_size=1, max_size=3)))
    return kind, field, operator, draw(texts)


@st.composite
def feedbacks(draw: st.DrawFn) -> dict[str, Any]:
    """Return what a NewFeedback says."""
    return {
        "agent_id": draw(st.sampled_from([0, 1, 2, 3, 2**256 - 1])),
        "value": draw(st.sampled_from([0, 1, 5, 50, 4999, 500, -15, 10**38])),
        "decimals": draw(st.sampled_from([0, 1, 2, 18])),
        "tag1": draw(st.sampled_from(TAGS)),
        "tag2": draw(st.sampled_from(TAGS)),
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.lists(st.lists(conditions(), max_size=3), min_size=1, max_size=12),
    said=st.lists(feedbacks(), min_size=1, max_size=12),
)
async def test_triggers_match_as_an_oracle_says(
    database: Database, wanted: list[list[Condition]], said: list[dict[str, Any]]
) -> None:
    maker = Maker(database)
    chain = Chain(database, chain_id=next(CHAIN_IDS))
    await chain.register()
    triggers = [await maker.trigger(*some, chain_id=chain.chain_id) for some in wanted]
    # a Registered of the same agent is no event of the reputation registry, whatever the conditions
    await chain.add(*(feedback(**one) for one in said), registered(said[0]["agent_id"]))
    events = [
        {
            "event_type": "NewFeedback",
            "agent_id": one["agent_id"],
            "score": Decimal(one["value"]).scaleb(-one["decimals"]),
            "value": Decimal(one["value"]).scaleb(-one["decimals"]),
            "tag1": one["tag1"],
            "tag2": one["tag2"],
            "tag": None,
        }
        for one in said
    ]
    for trigger, some in zip(triggers, wanted, strict=True):
        expected = [
            place for place, event in enumerate(events) if all(holds(condition, event) for condition in some)
        ]
        assert [log for _, log, _ in await maker.matched(trigger)] == expected, some


@pytest.mark.parametrize(
    ("condition", "column", "says"),
    [
        (("ema_threshold", "score", "<", "1"), "condition_type", "'ema_threshold' is not known"),
        (("tag_equals", "score", "=", "x"), "field", "does not look at the field 'score'"),
        (("tag_equals", "tag1", "~", "x"), "operator", "'~' is not known"),
        (("score_threshold", "score", "contains", "1"), "operator", "does not compare numbers"),
        (("score_threshold", "score", "<", "1e5"), "value", "'1e5' is not a number"),
        (("score_threshold", "score", "<", "NaN"), "value", "'NaN' is not a number"),
        (("score_threshold", "score", "in", "1, two"), "value", "'two' is not a number"),
        (("agent_id_equals", "agent_id", "=", "1.5"), "value", "whole number"),
        (("agent_id_equals", "agent_id", "in", "[1, -2]"), "value", "whole number"),
        (("tag_equals", "tag1", "in", '["a"'), "value", "not a JSON array"),
        (("tag_equals", "tag1", "in", "[null]"), "value", "neither text nor a number"),
        (("tag_equals", "tag1", "in", "[]"), "value", "1 to 1000 parts"),
        (("tag_equals", "tag1", "in", "a,,b"), "value", "empty part"),
        (("tag_equals", "tag1", "in", "x," * 1000 + "x"), "value", "1 to 1000 parts"),
        (("tag_equals", "tag1", "=", "x" * 65537), "value", "at most 65536"),
    ],
)
async def test_the_database_refuses_a_condition_and_names_the_column(
    maker: Maker, condition: Condition, column: str, says: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match=says) as refused:
        await maker.trigger(condition)
    assert refused.value.diag.column_name == column
    assert refused.value.diag.message_hint
    assert await maker.value("SELECT count(*) FROM triggers.triggers") == 0


async def test_contradicting_conditions_match_nothing_and_cost_nothing(chain: Chain, maker: Maker) -> None:
    trigger = await maker.trigger(
        ("score_threshold", "score", ">", "5"), ("score_threshold", "score", "<", "5")
    )
    await chain.add(feedback(value=5), feedback(value=6))
    assert await maker.matched(trigger) == []
    assert await maker.value("SELECT count(*) FROM triggers.compiled_triggers") == 0


async def test_a_list_of_agents_is_looked_up_by_each_agent_and_fires_once(chain: Chain, maker: Maker) -> None:
    trigger = await maker.trigger(("agent_id_equals", "agent_id", "in", "1, 2, 2"))
    classes = await maker.rows("SELECT class, number_key FROM triggers.compiled_triggers ORDER BY number_key")
    assert [(row["class"], row["number_key"]) for row in classes] == [("agent", 1), ("agent", 2)]
    await chain.add(feedback(agent_id=1), feedback(agent_id=2), feedback(agent_id=3), number=1)
    assert await maker.matched(trigger) == [(1, 0, 0), (1, 1, 0)]


async def test_what_is_changed_by_plain_sql_is_compiled_again(chain: Chain, maker: Maker) -> None:
    trigger = await maker.trigger(("score_threshold", "score", "<", "10"))
    await chain.add(feedback(value=5), number=1)
    await maker.run("UPDATE triggers.trigger_conditions SET value = '3'")
    await chain.add(feedback(value=5), number=2)
    await maker.run("UPDATE triggers.triggers SET enabled = false")
    await chain.add(feedback(value=1), number=3)
    await maker.run("UPDATE triggers.triggers SET enabled = true")
    await chain.add(feedback(value=1), number=4)
    await maker.run("DELETE FROM triggers.trigger_conditions")
    await chain.add(feedback(value=99), number=5)
    await maker.run("UPDATE triggers.triggers SET registry = 'identity'")
    await chain.add(feedback(value=99), number=6)
    assert await maker.matched(trigger) == [(1, 0, 0), (4, 0, 0), (5, 0, 0)]


async def test_two_who_change_a_trigger_at_once_are_both_compiled(chain: Chain, maker: Maker) -> None:
    trigger = await maker.trigger(("score_threshold", "score", ">", "0"))
    async with chain.database.direct() as other:
        async with chain.database.transaction() as one:
            await add_conditions(one, trigger, [("score_threshold", "score", "<", "10")])
            # the other's compilation waits for the row that this transaction locked
            waiting = asyncio.create_task(
                add_conditions(other, trigger, [("agent_id_equals", "agent_id", "=", "1")])
            )
            await until_blocked(maker, other.info.backend_pid)
        await waiting
    await chain.add(
        feedback(agent_id=1, value=5), feedback(agent_id=1, value=50), feedback(value=5), number=1
    )
    assert await maker.matched(trigger) == [(1, 0, 0)]
