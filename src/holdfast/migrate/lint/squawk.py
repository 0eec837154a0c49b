"""Takes in squawk's findings, where it is installed: a second opinion on the statements to be applied.

What a rule of ours says of the same statement is said once. What squawk asks of all projects and
Holdfast answers by itself is left out, each with its reason.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from holdfast.errors import HoldfastError
from holdfast.migrate.lint.finding import Finding
from holdfast.migrate.migration import Migration
from holdfast.migrate.splitting import SqlStatement

LEFT_OUT = {
    "prefer-robust-stmts": "a file is one transaction, and the history knows what is applied",
    "require-timeout-settings": "every statement runs under HOLDFAST_MIGRATE_LOCK_TIMEOUT",
    "require-lock-timeout": "every statement runs under HOLDFAST_MIGRATE_LOCK_TIMEOUT",
    "require-statement-timeout": "what has its lock may work; what waits for one is stopped",
    "transaction-nesting": "BEGIN and COMMIT are refused when a file is read",
    "ban-uncommitted-transaction": "BEGIN and COMMIT are refused when a file is read",
    "prefer-bigint-over-int": "prefer-bigint-key looks at keys; other integers may be small",
    "prefer-bigint-over-smallint": "prefer-bigint-key looks at keys; other integers may be small",
    "ban-add-column": "a column that is null or has a constant default keeps nobody waiting",
    "ban-set-default": "a default for new rows harms nobody",
    "ban-new-write-restriction": "each kind has a rule of its own",
    "ban-alter-function-options": "what endangers (SECURITY DEFINER, search_path) has rules of its own",
    "unused-ignore": "suppressions are ours",
}
_TIMEOUT = 60.0


class SquawkFailed(HoldfastError):
    """squawk is there and did not work."""

    code = "squawk_failed"


def squawk_path() -> str | None:
    """Return where squawk is: beside this Python, or on the PATH; None where it is not installed."""
    beside = Path(sys.executable).with_name("squawk")
    return str(beside) if beside.is_file() else shutil.which("squawk")


def squawk_findings(files: Sequence[Migration], path: str) -> dict[str, list[Finding]]:
    """Return what squawk finds in the statements to be applied, by file.

    Raises ``SquawkFailed`` where it cannot be run or answers what is not understood.
    """
    found: dict[str, list[Finding]] = {migration.file: [] for migration in files}
    with tempfile.TemporaryDirectory(prefix="holdfast-lint-") as folder:
        for transactional in (True, False):
            chosen = [migration for migration in files if migration.transactional is transactional]
            names = {}
            for number, migration in enumerate(chosen):
                copy = Path(folder) / f"{number}_{'in' if transactional else 'out'}.sql"
                copy.write_text(_only(migration.up), encoding="utf-8")
                names[str(copy)] = migration
            if names:
                for said in _run(path, list(names), transactional=transactional):
                    migration = names[said["file"]]
                    if said["rule_name"] not in LEFT_OUT:
                        found[migration.file].append(_finding(migration, said))
    return found


def _only(statements: Sequence[SqlStatement]) -> str:
    """Return a file with nothing but the statements, each in its own line."""
    text, line = "", 1
    for statement in statements:
        text += "\n" * (statement.line - line) + statement.text + ";"
        line = statement.line + statement.text.count("\n")
    return text + "\n"


def _run(path: str, files: Sequence[str], *, transactional: bool) -> list[dict[str, Any]]:
    command = [path, "--reporter", "json", "--pg-version", "15.0"]
    command += ["--assume-in-transaction"] if transactional else ["--no-assume-in-transaction"]
    try:
        ended = subprocess.run(  # noqa: S603  # our own list of arguments, no shell
            [*command, *files], capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
        said: list[dict[str, Any]] = json.loads(ended.stdout or "[]")
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SquawkFailed(
            f"{path} could not be asked: {error}.", hint="Repair or remove it, or lint with --no-squawk."
        ) from error
    if ended.returncode not in (0, 1):
        raise SquawkFailed(
            f"{path} ended with {ended.returncode}: {ended.stderr.strip()[:200]}",
            hint="Repair or remove it, or lint with --no-squawk.",
        )
    return said


def _finding(migration: Migration, said: dict[str, Any]) -> Finding:
    return Finding(
        f"squawk:{said['rule_name']}",
        "advice",
        migration.file,
        said["line"] + 1,
        f"squawk: {said['message']}",
        danger=said["message"],
        lock="squawk does not say.",
        safe=said["help"] or f"See squawk's page of {said['rule_name']}.",
        ends=said.get("line_end", said["line"]) + 1,
    )
