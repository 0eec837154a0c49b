"""What a database holds: items that each have a kind, a name and a definition, in a canonical form."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from holdfast.errors import WrongUse

FORMAT = 1
"""The number of the snapshot's form; it changes when items are named or defined otherwise."""


@dataclass(frozen=True, slots=True)
class Item:
    """One object: its kind, its quoted and qualified name, and what it is defined by.

    What is at PostgreSQL's default is left out of ``definition``. ``parent`` is the key of the item that
    this one comes and goes with (a column's table), ``schema`` is None for what stands in none.
    """

    kind: str
    name: str
    definition: Mapping[str, Any]
    schema: str | None = None
    parent: str | None = None

    @property
    def key(self) -> str:
        """What identifies the item among all: ``table public.orders``."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Catalogue:
    """All items of a database by their keys, and the server's major version."""

    major: int
    items: Mapping[str, Item]

    @classmethod
    def of(cls, major: int, items: Iterable[Item]) -> Self:
        """Put items in order."""
        return cls(major, {item.key: item for item in sorted(items, key=lambda item: item.key)})

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items.values())

    def __len__(self) -> int:
        return len(self.items)

    def get(self, kind: str, name: str) -> Item | None:
        """Return one item, or None."""
        return self.items.get(f"{kind} {name}")

    @functools.cached_property
    def children(self) -> Mapping[str, list[Item]]:
        """The items that come and go with another one, by the key of that."""
        found: dict[str, list[Item]] = {}
        for item in self:
            if item.parent is not None:
                found.setdefault(item.parent, []).append(item)
        return found

    def descendants(self, item: Item) -> list[Item]:
        """Return what comes and goes with an item, and what with that."""
        found = []
        for child in self.children.get(item.key, ()):
            found += [child, *self.descendants(child)]
        return found

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash (hex) of all items: two databases of one major version that are alike have the same."""
        digest = hashlib.sha256()
        for line in sorted(f"{_text(item)}\n".encode() for item in self):
            digest.update(line)
        return digest.hexdigest()

    def to_json(self) -> str:
        """Return the canonical JSON: the same database gives the same text, one line an item."""
        lines = [
            json.dumps(
                {
                    "kind": item.kind,
                    "name": item.name,
                    **({"schema": item.schema} if item.schema is not None else {}),
                    **({"parent": item.parent} if item.parent is not None else {}),
                    "definition": item.definition,
                },
                ensure_ascii=False,
                sort_keys=True,
            )
            for item in self
        ]
        head = f'{{"holdfast_catalogue": {FORMAT}, "major": {self.major}, "items": ['
        return head + ("\n" + ",\n".join(lines) + "\n" if lines else "") + "]}\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what ``to_json`` wrote. Raises ``WrongUse`` for anything else."""
        try:
            data = json.loads(text)
            written = data["holdfast_catalogue"]
            items = [
                Item(each["kind"], each["name"], each["definition"], each.get("schema"), each.get("parent"))
                for each in data["items"]
            ]
            major = int(data["major"])
        except (ValueError, KeyError, TypeError):
            raise WrongUse(
                "This is not a snapshot of a catalogue.", hint="Make one with: holdfast migrate snapshot"
            ) from None
        if written != FORMAT:
            raise WrongUse(
                f"The snapshot has the form {written}, this version of Holdfast reads {FORMAT}.",
                hint="Make it again with: holdfast migrate snapshot",
            )
        return cls.of(major, items)


def _text(item: Item) -> str:
    """Return an item as PostgreSQL writes it for the fingerprint."""
    return f"{item.key} {item.parent or ''} {_jsonb(item.definition)}"


def _jsonb(value: object) -> str:
    """Return a value as PostgreSQL writes jsonb: shorter keys first, then by their bytes."""
    if isinstance(value, Mapping):
        keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
        return "{" + ", ".join(f"{_jsonb(key)}: {_jsonb(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_jsonb, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
