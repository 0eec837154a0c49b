"""The API of triggers: whole and partial changes, everybody's events, one's own results and nobody else's."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from holdfast.postgres.database import Database
from tests.fixtures.api import Api
from tests.triggers.chain import CHAIN_ID, Chain, feedback, registered
from tests.triggers.conftest import Maker
from tests.triggers.test_retraction import begin

URL = "https://hooks.example/in"
WANTED: dict[str, Any] = {
    "name": "Low scores",
    "description": "A score below 20.",
    "chain_id": CHAIN_ID,
    "registry": "reputation",
    "conditions": [
        {
            "condition_type": "event_type_equals",
            "field": "event_type",
            "operator": "=",
            "value": "NewFeedback",
        },
        {"condition_type": "score_threshold", "field": "score", "operator": "<", "value": 20},
    ],
    "actions": [{"action_type": "rest", "priority": 2, "config": {"url": URL, "timeout_ms": 1000}}],
}


@pytest.fixture
async def ada(api: Api) -> httpx.AsyncClient:
    """Return a client that is signed in."""
    return await api.client("ada")


async def make(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    """Make a trigger and return its JSON."""
    response = await client.post("/triggers", json={**WANTED, **more})
    assert response.status_code == 201, response.text
    return dict(response.json())


async def test_a_trigger_is_made_read_changed_and_deleted(ada: httpx.AsyncClient) -> None:
    response = await ada.post("/triggers", json=WANTED)
    assert response.status_code == 201, response.text
    made = response.json()
    path = response.headers["location"]
    assert path == f"/triggers/{made['id']}"
    assert [condition["value"] for condition in made["conditions"]] == ["NewFeedback", "20"]
    assert made["enabled"] is True
    assert made["is_stateful"] is False
    assert made["actions"][0]["signing_secret"].startswith("whsec_")

    read = await ada.get(path)
    assert read.json()["actions"][0].pop("signing_secret") is None  # told once
    assert read.headers["etag"] == response.headers["etag"]

    changed = await ada.patch(path, json={"name": "Lower", "description": None, "enabled": False})
    assert changed.status_code == 200
    told = changed.json()
    assert (told["name"], told["description"], told["enabled"]) == ("Lower", None, False)
    assert told["conditions"] == made["conditions"]
    assert changed.headers["etag"] != read.headers["etag"]

    assert (await ada.delete(path)).status_code == 204
    assert (await ada.get(path)).status_code == 404
    assert (await ada.delete(path)).status_code == 404


async def test_lists_are_replaced_and_a_kept_action_keeps_its_secret(
    ada: httpx.AsyncClient, database: Database
) -> None:
    made = await make(ada, actions=[WANTED["actions"][0], WANTED["actions"][0]])
    first, second = made["actions"]
    change = {
        "conditions": [
            {"condition_type": "tag_equals", "field": "tag1", "operator": "in", "value": ["a", "b"]}
        ],
        "actions": [
            {"id": second["id"], "action_type": "rest", "config": {"url": URL + "/2"}},
            {"action_type": "rest", "priority": 9, "config": {"url": URL + "/3"}},
        ],
    }
    told = (await ada.patch(f"/triggers/{made['id']}", json=change)).json()
    assert [condition["value"] for condition in told["conditions"]] == ['["a", "b"]']
    kept, new = told["actions"]
    assert (kept["id"], kept["signing_secret"]) == (second["id"], None)
    assert new["signing_secret"].startswith("whsec_")
    rows = await Maker(database).rows("SELECT id, signing_secret FROM triggers.trigger_actions ORDER BY id")
    assert [row["id"] for row in rows] == [second["id"], new["id"]]
    assert rows[0]["signing_secret"] == second["signing_secret"]
    foreign = {"actions": [{"id": first["id"], "action_type": "rest", "config": {"url": URL}}]}
    refused = await ada.patch(f"/triggers/{made['id']}", json=foreign)
    assert refused.json()["errors"][0]["pointer"] == "#/actions/0/id"


async def test_a_change_of_what_was_changed_meanwhile_is_refused(ada: httpx.AsyncClient) -> None:
    made = await make(ada)
    path = f"/triggers/{made['id']}"
    tag = (await ada.get(path)).headers["etag"]
    assert (await ada.patch(path, json={"name": "one"}, headers={"If-Match": tag})).status_code == 200
    stale = await ada.patch(path, json={"name": "two"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile")
    assert (await ada.delete(path, headers={"If-Match": tag})).status_code == 412
    assert (await ada.get(path)).json()["name"] == "one"


@pytest.mark.parametrize(
    ("change", "pointer", "says"),
    [
        ({"name": ""}, "#/name", ""),
        ({"chain_id": 2**63}, "#/chain_id", ""),
        ({"registry": "other"}, "#/registry", ""),
        ({"is_stateful": True}, "#/is_stateful", ""),
        ({"colour": "red"}, "#/colour", ""),
        (
            {"conditions": [{**WANTED["conditions"][1], "operator": "contains"}]},
            "#/conditions/0/operator",
            "Use one of = != < <= > >= in.",
        ),
        (
            {"conditions": [WANTED["conditions"][0], {**WANTED["conditions"][1], "value": "ten"}]},
            "#/conditions/1/value",
            "'ten' is not a number",
        ),
        ({"conditions": [{**WANTED["conditions"][1], "value": 1.5}]}, "#/conditions/0/value", ""),
        (
            {"conditions": [{**WANTED["conditions"][1], "condition_type": "ema_threshold"}]},
            "#/conditions/0/condition_type",
            "not known",
        ),
        (
            {"conditions": [{**WANTED["conditions"][0], "value": "NewFeedbak"}]},
            "#/conditions/0/value",
            "Did you mean NewFeedback?",
        ),
        (
            {"conditions": [{**WANTED["conditions"][0], "value": "Registered"}]},
            "#/conditions/0/value",
            "The identity registry does.",
        ),
        (
            {"actions": [{"action_type": "telegram", "config": {}}]},
            "#/actions/0/action_type",
            "not delivered yet",
        ),
        (
            {"actions": [{"action_type": "rest", "config": {"url": "http://127.0.0.1/"}}]},
            "#/actions/0/config/url",
            "",
        ),
        (
            {"actions": [{"action_type": "rest", "config": {"url": URL, "body_template": {"a": "{{b}}"}}}]},
            "#/actions/0/config/body_template",
            "{{b}}",
        ),
    ],
)
async def test_what_cannot_be_taken_is_named(
    ada: httpx.AsyncClient, change: dict[str, Any], pointer: str, says: str
) -> None:
    response = await ada.post("/triggers", json={**WANTED, **change})
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    (error,) = response.json()["errors"]
    assert error["pointer"] == pointer
    assert says in error["detail"]
    assert (await ada.get("/triggers")).json()["items"] == []


async def test_nobody_sees_or_changes_what_is_anothers(api: Api, ada: httpx.AsyncClient) -> None:
    path = f"/triggers/{(await make(ada))['id']}"
    eve = await api.client("eve", is_administrator=True)
    assert (await eve.get(path)).status_code == 404
    assert (await eve.patch(path, json={"name": "mine"})).status_code == 404
    assert (await eve.delete(path)).status_code == 404
    assert (await eve.get("/triggers")).json() == {"items": [], "next_cursor": None}
    nobody = await api.anonymous()
    for get in (path, "/triggers", "/triggers/events", "/triggers/action-results"):
        assert (await nobody.get(get)).status_code == 401
    assert (await ada.get(path)).json()["name"] == "Low scores"


async def test_triggers_are_listed_by_pages_and_filters(ada: httpx.AsyncClient) -> None:
    names = [f"trigger {number}" for number in range(5)]
    for number, name in enumerate(names):
        await make(ada, name=name, enabled=number % 2 == 0)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        told = (await ada.get("/triggers", params=params)).json()
        seen += [item["name"] for item in told["items"]]
        cursor = told["next_cursor"]
        if cursor is None:
            break
    assert seen == names[::-1]
    disabled = (await ada.get("/triggers", params={"enabled": "false"})).json()["items"]
    assert [item["name"] for item in disabled] == ["trigger 3", "trigger 1"]
    assert (await ada.get("/triggers", params={"chain_id": "1"})).json()["items"] == []
    assert (await ada.get("/triggers", params={"cursor": "no"})).json()["code"] == "bad_cursor"


async def test_events_are_everybodys_by_pages_and_filters(ada: httpx.AsyncClient, database: Database) -> None:
    chain = Chain(database, chain_id=4242)
    await chain.register()
    first = await chain.add(feedback(agent_id=2**256 - 1, value=-15, decimals=1, tag1="a"), number=1)
    await chain.add(*(feedback(agent_id=3, index=index) for index in range(4)), registered(3), number=2)
    await chain.retract(first)
    base = {"chain_id": "4242"}
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params = {**base, "limit": "2", "canonical": "all", **({"cursor": cursor} if cursor else {})}
        told = (await ada.get("/triggers/events", params=params)).json()
        seen += [item["id"] for item in told["items"]]
        cursor = told["next_cursor"]
        if cursor is None:
            break
    assert seen == ["4242-2-4", "4242-2-3", "4242-2-2", "4242-2-1", "4242-2-0", "4242-1-0"]

    async def ids(**params: str) -> list[str]:
        response = await ada.get("/triggers/events", params={**base, **params})
        assert response.status_code == 200, response.text
        return [item["id"] for item in response.json()["items"]]

    assert len(await ids()) == 5
    assert await ids(canonical="false") == ["4242-1-0"]
    assert await ids(agent_id=str(2**256 - 1), canonical="all") == ["4242-1-0"]
    assert await ids(registry="identity") == await ids(event_type="Registered") == ["4242-2-4"]
    assert await ids(tag="a", canonical="all") == ["4242-1-0"]
    assert await ids(last_block="1") == []
    assert await ids(since="2030-01-01T00:00:00Z") == []
    (event,) = (await ada.get("/triggers/events", params={**base, "canonical": "false"})).json()["items"]
    assert (event["agent_id"], event["value"], event["score"]) == (str(2**256 - 1), "-15", "-1.5")
    assert event["canonical"] is False
    for wrong in ({"agent_id": "x"}, {"canonical": "maybe"}, {"colour": "red"}, {"since": "yesterday"}):
        assert (await ada.get("/triggers/events", params=wrong)).status_code == 422


async def test_results_are_ones_own(api: Api, ada: httpx.AsyncClient, database: Database) -> None:
    chain = Chain(database, chain_id=77)
    await chain.register()
    made = await make(ada, chain_id=77)
    await chain.add(*(feedback(value=1, index=index) for index in range(3)))
    async with database.transaction() as connection:
        await begin(connection)
    told = (await ada.get("/triggers/action-results", params={"limit": "2", "trigger_id": made["id"]})).json()
    assert [item["status"] for item in told["items"]] == ["started", "started"]
    assert told["items"][0]["kind"] == "match"
    rest = await ada.get("/triggers/action-results", params={"cursor": told["next_cursor"]})
    assert len(rest.json()["items"]) == 1
    assert (await ada.get("/triggers/action-results", params={"status": "failed"})).json()["items"] == []
    eve = await api.client("eve")
    assert (await eve.get("/triggers/action-results")).json()["items"] == []
