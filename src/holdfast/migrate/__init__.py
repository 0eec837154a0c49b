"""Versioned schema: plain SQL files, several independent systems, one history for all."""

from holdfast.system import Command, System

ROOM = System(
    name="migrate",
    summary="Applies and undoes versioned SQL files of all systems, with one history.",
    package="holdfast.migrate",
    settings=("holdfast.migrate.settings",),
    checks=("holdfast.migrate.checks:check",),
    commands=(Command("migrate", "holdfast.migrate.commands:migrate", "Show, apply and undo migrations."),),
)
