"""What migrations do in other databases or on other machines: building them once more does it again.

A foreign table is known by the statement that makes it; from there on whatever names it counts as it does,
as do views, functions, triggers and partitioned tables that stand on it. Names count without their
schema: rather too much is taken for remote than too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from holdfast.migrate.lint.grammar import Parsed, Reader, names_of, nodes_of
from holdfast.migrate.migration import Migration

# Where none of these words stands in any file, nothing is parsed.
_MAY_REACH = re.compile(r"\b(FOREIGN(?!\s+KEY\b)|SUBSCRIPTION|PROGRAM|dblink\w*|http\w*)\b", re.IGNORECASE)
_ALWAYS = {
    "import_foreign_schema_stmt": "IMPORT FOREIGN SCHEMA",
    "create_subscription_stmt": "CREATE SUBSCRIPTION",
    "alter_subscription_stmt": "ALTER SUBSCRIPTION",
    "drop_subscription_stmt": "DROP SUBSCRIPTION",
}
_CALLS = re.compile(r"dblink\w*|http(_\w+)?")
_CALLED = re.compile(rf"\b({_CALLS.pattern})\s*\(", re.IGNORECASE)
# They reach nothing when they run, but what they make may when it is used.
_MAKES = frozenset(
    {
        "view_stmt",
        "create_foreign_table_stmt",
        "create_stmt",
        "create_trig_stmt",
        "rule_stmt",
        "alter_table_stmt",
    }
)
_ONLY_LOCAL = frozenset(
    {
        "drop_stmt", "comment_stmt", "grant_stmt", "rename_stmt", "alter_owner_stmt", "sec_label_stmt",
        "create_foreign_server_stmt", "alter_foreign_server_stmt", "create_user_mapping_stmt",
        "alter_fdw_stmt",
        "alter_user_mapping_stmt", "drop_user_mapping_stmt", "create_fdw_stmt", "alter_object_schema_stmt",
        "create_policy_stmt", "create_stats_stmt", "variable_set_stmt", "create_publication_stmt",
        "alter_publication_stmt", "create_extension_stmt", "define_stmt", "create_schema_stmt", "do_stmt",
    }
)  # fmt: skip


def remote_effects(migrations: Iterable[Migration]) -> list[str]:
    """Return what applying migrations, in this order, does beyond their server, each with file and line.

    Empty means: nothing that can be seen.
    """
    migrations = list(migrations)
    if not any(_MAY_REACH.search(each.text) for migration in migrations for each in migration.up):
        return []
    known = _Known()
    return [
        f"{migration.file}:{parsed.line}: {effect}"
        for migration in migrations
        for parsed in Reader().read(migration.up)
        for effect in known.effects_of(parsed)
    ]


class _Known:
    """The names that stand for something remote, as far as the files were read."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._word = re.compile(r"(?!)")

    def effects_of(self, parsed: Parsed) -> Iterator[str]:
        """Yield what a statement does beyond its server, and learn what it makes."""
        if parsed.node is None:
            return
        if parsed.kind in _ALWAYS:
            yield _ALWAYS[parsed.kind]
        elif parsed.kind == "copy_stmt" and parsed.node.is_program:
            yield "COPY ... PROGRAM"
        elif parsed.kind == "create_function_stmt":
            if self._named_in(parsed) or _CALLED.search(parsed.text):
                self._learn([names_of(parsed.node.funcname)[-1]])
        elif parsed.kind == "create_foreign_table_stmt" or (parsed.kind in _MAKES and self._named_in(parsed)):
            self._learn(_relations_of(parsed))
        elif parsed.kind not in _ONLY_LOCAL | _MAKES:
            yield from self._used(parsed)

    def _used(self, parsed: Parsed) -> Iterator[str]:
        calls = {names_of(call.funcname)[-1] for call in nodes_of(parsed.node, "func_call")}
        found = sorted(name for name in calls if _CALLS.fullmatch(name))
        yield from (f"a call of {name}()" for name in found)
        named = self._named_in(parsed)
        if named and parsed.kind == "create_table_as_stmt" and parsed.node.into.skip_data:
            self._learn([parsed.node.into.rel.relname])
        elif named and not found:
            yield f"a use of {named}, which stands for or on what is in another database"

    def _named_in(self, parsed: Parsed) -> str | None:
        match = self._word.search(parsed.text)
        return match[0] if match else None

    def _learn(self, names: Iterable[str]) -> None:
        self._names.update(names)
        known = "|".join(re.escape(name) for name in sorted(self._names, key=len, reverse=True))
        self._word = re.compile(rf"(?<!\w)(?:{known})(?!\w)", re.IGNORECASE)


def _relations_of(parsed: Parsed) -> list[str]:
    """Return the relation that a statement makes or is about; a foreign table's parents too."""
    if parsed.kind == "create_foreign_table_stmt":
        made = parsed.node.base_stmt
        return [made.relation.relname, *(each.relname for each in nodes_of(made, "range_var"))]
    return [parsed.node.view.relname if parsed.kind == "view_stmt" else parsed.node.relation.relname]
