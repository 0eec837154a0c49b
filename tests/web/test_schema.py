"""The OpenAPI document against the real server: whatever is sent, the answer is one that it tells."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from holdfast.identity.users import create_user
from holdfast.postgres.database import Database
from holdfast.settings import Settings
from holdfast.web.app import compose, create_app
from holdfast.web.server import serve

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class Served:
    url: str
    token: str


@pytest.fixture(scope="module")
def served(conninfo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The whole API on a free port, in a thread of its own, and an administrator's token."""
    told: list[Served] = []
    serving = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with Database.open(conninfo, Settings({}), application_name="schema") as database:
            app = create_app(
                database=database, settings=Settings({}), data_dir=tmp_path_factory.mktemp("keys")
            )
            async with database.transaction() as connection:
                await create_user(connection, username="ada", email="ada@example.org", password=PASSWORD)
            issued = await app.state.access.sign_in("ada", PASSWORD)

            def ready(port: int) -> None:
                told.append(Served(f"http://127.0.0.1:{port}", issued.access_token))
                serving.set()

            await serve(app, host="127.0.0.1", port=0, stop=stop, ready=ready)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        assert serving.wait(30)
        yield told[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()


schema = schemathesis.openapi.from_dict(compose().openapi())


@schema.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_answer_is_one_that_the_document_tells(case: Any, served: Served) -> None:
    # What a schema cannot say (a cursor that was given out, a condition that fits its field) is refused too.
    case.call_and_validate(
        base_url=served.url,
        headers={"Authorization": f"Bearer {served.token}"},
        timeout=10,
        excluded_checks=[positive_data_acceptance],
    )
