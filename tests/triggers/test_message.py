"""Templates: what may stand in them, and that nothing on a chain breaks out of its text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.systems.triggers.actions.message import WrongTemplate, body, check_template
from holdfast.systems.triggers.actions.rest import WrongAction, read_config
from holdfast.systems.triggers.events.presentation import EVENT_FIELDS


def row(**more: Any) -> dict[str, Any]:
    """Return a row of the statement ``load``."""
    return {
        **dict.fromkeys(EVENT_FIELDS),
        "id": "1-2-3",
        "chain_id": 1,
        "agent_id": Decimal(2**255),
        "score": Decimal("1E+3"),
        "block_time": datetime(2026, 1, 1, tzinfo=UTC),
        "job_id": "msg_1",
        "job_kind": "match",
        "job_retracts": None,
        "job_created_at": datetime(2026, 1, 2, tzinfo=UTC),
        "job_generation": 4,
        "trigger_id": "t",
        "trigger_name": "a trigger",
        **more,
    }


def test_a_whole_placeholder_keeps_its_type_and_one_in_a_text_is_written_out() -> None:
    template = {
        "chain": "{{chain_id}}",
        "agent": "{{ event.agent_id }}",
        "owner": "{{owner}}",
        "text": "{{trigger.name}}: {{score}} from {{owner}}, canonical {{canonical}}",
        "list": ["{{message_id}}", 1, None, True],
        "{{type}}": "{{retracts}}",
        "literal": "{{ not a name }} {}",
    }
    check_template(template)
    assert json.loads(body(row(), template)) == {
        "chain": 1,
        "agent": str(2**255),
        "owner": None,
        "text": "a trigger: 1000 from , canonical true",
        "list": ["msg_1", 1, None, True],
        "triggers.event.matched": None,
        "literal": "{{ not a name }} {}",
    }


@given(st.text(), st.text())
def test_nothing_that_stands_on_a_chain_breaks_out_of_its_text(tag: str, name: str) -> None:
    filled = (
        json.loads(
            body(
                row(tag1=tag, trigger_name=name), {"a": "{{tag1}}", "b": "<{{tag1}}|{{trigger.name}}>"}
            ).decode("utf-8", "surrogatepass")
        )
        if _storable(tag + name)
        else {"a": tag, "b": f"<{tag}|{name}>"}
    )
    assert filled == {"a": tag, "b": f"<{tag}|{name}>"}


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def test_a_template_that_can_tell_a_retraction_is_used_for_it() -> None:
    retraction = row(job_kind="retraction", job_retracts="msg_0")
    assert json.loads(body(retraction, {"t": "{{type}}"})) == {"t": "triggers.event.retracted"}
    assert json.loads(body(retraction, {"t": "{{score}}"}))["data"]["retracts"] == "msg_0"


@pytest.mark.parametrize(
    "template", ["text", 1, {"a": "{{nothing}}"}, {"a": ["{{event.job_id}}"]}, {"{{x}}": 1}]
)
def test_a_template_that_cannot_be_filled_is_refused(template: Any) -> None:
    with pytest.raises(WrongTemplate):
        check_template(template)


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "url"),
        ({"url": "ftp://a.example/"}, "url"),
        ({"url": "https://user:secret@a.example/"}, "url"),
        ({"url": "https://a.example/", "method": "TRACE"}, "method"),
        ({"url": "https://a.example/", "timeout_ms": 0}, "timeout_ms"),
        ({"url": "https://a.example/", "timeout_ms": True}, "timeout_ms"),
        ({"url": "https://a.example/", "timeout_ms": 60_001}, "timeout_ms"),
        ({"url": "https://a.example/", "headers": {"Host": "b.example"}}, "headers"),
        ({"url": "https://a.example/", "headers": {"Transfer-Encoding": "chunked"}}, "headers"),
        ({"url": "https://a.example/", "headers": {"Webhook-Signature": "v1,x"}}, "headers"),
        ({"url": "https://a.example/", "headers": {"X": "a\r\nY: b"}}, "headers"),
        ({"url": "https://a.example/", "headers": {"X Y": "a"}}, "headers"),
        ({"url": "https://a.example/", "headers": {"X": 1}}, "headers"),
        ({"url": "https://a.example/", "method": "GET", "body_template": {}}, "body_template"),
        ({"url": "https://a.example/", "body_template": {"a": "{{nothing}}"}}, "body_template"),
        ({"url": "https://a.example/", "secret": "x"}, "secret"),
    ],
)
def test_a_configuration_that_cannot_be_sent_is_refused_by_its_part(
    config: dict[str, Any], field: str
) -> None:
    with pytest.raises(WrongAction) as refused:
        read_config(config)
    assert refused.value.details["field"] == field
    assert "secret@" not in str(refused.value)
