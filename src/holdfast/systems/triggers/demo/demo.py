"""Sets the demo up: a user, three triggers, the receiver, and the recorded chain to follow.

Everything in the database is made in one transaction, so that whatever ends the process, the next
start finds all of it or makes all of it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from holdfast.delivery.settings import ALLOW
from holdfast.identity.users import create_user
from holdfast.postgres.statements import Statements
from holdfast.system import Connection, DemoStart, Report
from holdfast.systems.triggers.definitions.models import ActionIn, ConditionIn, TriggerIn
from holdfast.systems.triggers.definitions.triggers import create
from holdfast.systems.triggers.demo.receiver import Receiver, receiving

RECORDING = "erc8004-recording.jsonl.gz"
USERNAME = "demo"
JOURNAL = "demo-received.jsonl"
CHAIN_ID = 31337
_STATEMENTS = Statements("holdfast.systems.triggers.demo", "demo.sql")

TRIGGERS: dict[str, TriggerIn] = {
    "starred": TriggerIn(
        name="Agent 0 is starred",
        description="Feedback on agent 0 that is tagged starred.",
        chain_id=CHAIN_ID,
        registry="reputation",
        conditions=[
            ConditionIn(condition_type="agent_id_equals", field="agent_id", operator="=", value="0"),
            ConditionIn(condition_type="tag_equals", field="tag1", operator="=", value="starred"),
        ],
    ),
    "low-scores": TriggerIn(
        name="Low scores",
        description="Feedback on any agent with a score below 20.",
        chain_id=CHAIN_ID,
        registry="reputation",
        conditions=[
            ConditionIn(
                condition_type="event_type_equals", field="event_type", operator="=", value="NewFeedback"
            ),
            ConditionIn(condition_type="score_threshold", field="score", operator="<", value="20"),
        ],
    ),
    "new-agents": TriggerIn(
        name="New agents",
        description="An agent was registered.",
        chain_id=CHAIN_ID,
        registry="identity",
        conditions=[
            ConditionIn(
                condition_type="event_type_equals", field="event_type", operator="=", value="Registered"
            )
        ],
    ),
}
"""The demo's triggers, by the receiver's path."""

_TEMPLATES: dict[str, Any] = {
    "low-scores": {
        "type": "{{type}}",
        "retracts": "{{retracts}}",
        "text": "Agent {{agent_id}} was given {{score}} by {{client_address}}.",
    },
}


@asynccontextmanager
async def demo(
    connection_for: Callable[[], AbstractAsyncContextManager[Connection]], data_dir: Path, report: Report
) -> AsyncIterator[DemoStart]:
    """Run the receiver and see that the demo's user and triggers exist (``System.demo``)."""
    password_file = _password_file(data_dir)
    receiver = Receiver(data_dir / JOURNAL)
    with as_file(files("holdfast.systems.triggers.demo") / "data" / RECORDING) as recording:
        async with receiving(receiver) as port:
            async with connection_for() as connection:
                receiver.secrets = await set_up(
                    connection, f"http://127.0.0.1:{port}", password_file.read_text(encoding="utf-8").strip()
                )
            try:
                yield DemoStart(
                    overrides={ALLOW.name: f"127.0.0.1:{port}"},
                    recording=str(recording),
                    notes=(
                        f"The user {USERNAME} can sign in; the password stands in {password_file}.",
                        f"{len(TRIGGERS)} triggers send to a receiver on port {port}.",
                        f"It notes what it is sent in {data_dir / JOURNAL}.",
                    ),
                )
            finally:
                counts = receiver.counts
                report(
                    "demo.received",
                    messages=counts.received,
                    retractions=counts.retractions,
                    repeated=counts.repeated,
                    refused=counts.refused,
                )


async def set_up(connection: Connection, receiver: str, password: str) -> dict[str, str]:
    """Make the demo's user and triggers where they are missing, in a transaction.

    Points every action at ``receiver`` and returns the signing secrets by the receiver's paths.
    """
    row = await (await connection.execute(_STATEMENTS["find_user"])).fetchone()
    if row is None:
        user = await create_user(connection, username=USERNAME, email="demo@example.org", password=password)
        user_id = user.id
    else:
        user_id = row["id"]
    signing = {}
    for path, wanted in TRIGGERS.items():
        url = f"{receiver}/{path}"
        found = {"user_id": user_id, "name": wanted.name}
        action = await (await connection.execute(_STATEMENTS["find_action"], found)).fetchone()
        if action is None:
            config = {"url": url}
            if path in _TEMPLATES:
                config["body_template"] = _TEMPLATES[path]
            made = await create(
                connection,
                user_id,
                wanted.model_copy(update={"actions": [ActionIn(action_type="rest", config=config)]}),
            )
            signing[f"/{path}"] = str(made.actions[0].signing_secret)
            continue
        await connection.execute(_STATEMENTS["point"], {"id": action["id"], "url": url})
        signing[f"/{path}"] = action["signing_secret"]
    return signing


def _password_file(data_dir: Path) -> Path:
    """Return the file that holds the demo user's password, readable by its owner only; make it once."""
    file = data_dir / "demo-password"
    if not file.exists():
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(18) + "\n", encoding="utf-8")
        draft.replace(file)
    return file
