"""What a rule is, and the register of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from holdfast.migrate.lint.changes import Change

if TYPE_CHECKING:
    from holdfast.migrate.lint.scene import Scene

Level = Literal["danger", "advice"]
Check = Callable[[Change, "Scene"], str | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing to beware of.

    ``danger`` what happens, ``lock`` what is locked and whom that blocks, ``safe`` the way around it;
    ``example`` a dangerous file, ``instead`` a safe one. ``kinds``: the changes that it looks at.
    ``check`` says what was found in one, or None. ``sized``: harmless on a small table. ``up_only``:
    undoing is not judged by it. ``squawk``: squawk's names of the same.
    """

    name: str
    level: Level
    kinds: tuple[str, ...]
    danger: str
    lock: str
    safe: str
    example: str
    instead: str
    check: Check
    sized: bool = False
    up_only: bool = False
    squawk: tuple[str, ...] = ()


RULES: dict[str, Rule] = {}
NO_LOCK = "None to speak of."
EXCLUSIVE = "ACCESS EXCLUSIVE on the table: blocks reads and writes."
WRITES = "SHARE ROW EXCLUSIVE on the table: blocks writes, not reads."


def rule(  # noqa: PLR0913  # a rule is said in one piece, each part by its name
    name: str,
    *kinds: str,
    danger: str,
    safe: str,
    example: str,
    instead: str,
    lock: str = NO_LOCK,
    level: Level = "danger",
    sized: bool = False,
    up_only: bool = False,
    squawk: tuple[str, ...] = (),
) -> Callable[[Check], Check]:
    """Register a check as a rule; the check is called with each change of the kinds given."""

    def register(check: Check) -> Check:
        if name in RULES:
            raise ValueError(f"two rules are named {name}")
        RULES[name] = Rule(
            name, level, kinds, danger, lock, safe, example, instead, check, sized, up_only, squawk
        )
        return check

    return register
