"""What the tests of chains share."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import pytest

from holdfast.postgres.database import Database
from tests.chain.listening import Listening
from tests.fixtures.anvil import anvil  # noqa: F401  a fixture

DATA = Path(__file__).parent / "data"


@pytest.fixture
async def listening(fresh_database: Database) -> Listening:
    """A subscription that stores every log of the watched contracts in a table of its own."""
    subscription = Listening()
    await subscription.create(fresh_database)
    return subscription


@pytest.fixture
def recording() -> Path:
    """The recorded chain that the package carries."""
    carried = files("holdfast.systems.triggers.demo.data").joinpath("erc8004-recording.jsonl.gz")
    return Path(str(carried))


@pytest.fixture(scope="session")
def expected() -> dict[str, Any]:
    """What must hold at the end of the recorded chain."""
    return cast("dict[str, Any]", json.loads((DATA / "erc8004-recording.expected.json").read_text()))
