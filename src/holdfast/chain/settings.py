"""Settings of following chains."""

from __future__ import annotations

from holdfast.settings import Setting, duration, integer

CONFIRMATIONS = Setting(
    "HOLDFAST_CHAIN_CONFIRMATIONS",
    "chain",
    "confirmations",
    integer,
    64,
    "Blocks behind the head that count as final where a node does not know the finalized tag.",
)
POLL: Setting[float | None] = Setting(
    "HOLDFAST_CHAIN_POLL",
    "chain",
    "poll",
    duration,
    None,
    "Pause between two looks at a node's head; 50ms for a node on this machine or network, else 1s.",
)
TIMEOUT = Setting(
    "HOLDFAST_CHAIN_TIMEOUT",
    "chain",
    "timeout",
    duration,
    20.0,
    "How long a node may take to begin or go on with an answer; connecting may take 3 s of it.",
)
CONCURRENCY = Setting(
    "HOLDFAST_CHAIN_CONCURRENCY",
    "chain",
    "concurrency",
    integer,
    3,
    "Requests to a node at the same time.",
)
BATCH = Setting(
    "HOLDFAST_CHAIN_BATCH",
    "chain",
    "batch",
    integer,
    100,
    "Calls in one JSON-RPC batch; fewer are sent where a node refuses as many.",
)
RANGE = Setting(
    "HOLDFAST_CHAIN_RANGE",
    "chain",
    "range",
    integer,
    10_000,
    "Most blocks that one eth_getLogs asks for; the size adapts below it and halves where it is refused.",
)
MAX_RESPONSE = Setting(
    "HOLDFAST_CHAIN_MAX_RESPONSE_BYTES",
    "chain",
    "max_response_bytes",
    integer,
    64 * 1024 * 1024,
    "Largest answer of a node that is read; half the range is asked for instead.",
)
PATIENCE = Setting(
    "HOLDFAST_CHAIN_LOWER_HEAD_PATIENCE",
    "chain",
    "lower_head_patience",
    duration,
    15.0,
    "How long a lower head on another branch is taken for a node that lags, before it is a reorganisation.",
)
