"""Read a chain: blocks, logs, reorganisations, decoding, subscriptions."""

from __future__ import annotations

from holdfast.system import Command, System, Worker

ROOM = System(
    name="chain",
    summary="Follows EVM chains for declared subscriptions, through reorganisations of any depth.",
    package="holdfast.chain",
    migrations="holdfast.chain.migrations",
    settings=("holdfast.chain.settings",),
    routes=("holdfast.chain.routes:router",),
    commands=(
        Command("chains", "holdfast.chain.commands:chains", "Add, list, remove, pause and resume chains."),
    ),
    workers=(
        Worker(
            "follow",
            "holdfast.chain.following:follow",
            "Follows every enabled chain for every declared subscription.",
        ),
    ),
    status="holdfast.chain.standing:status",
    totals="holdfast.chain.standing:totals",
    pending="holdfast.chain.standing:pending",
)
