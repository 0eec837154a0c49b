"""``holdfast migrate lint`` and ``plan``: what the files endanger, and what would run with which locks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from holdfast.errors import WrongUse
from holdfast.migrate import engine
from holdfast.migrate.commands.asked import Asked, migrate_options
from holdfast.migrate.lint.changes import told
from holdfast.migrate.lint.finding import Finding
from holdfast.migrate.lint.linting import SMALL, judged
from holdfast.migrate.lint.planning import PlannedFile, PlannedStatement, planned
from holdfast.migrate.lint.rule import RULES, Rule
from holdfast.migrate.lint.sizes import read_sizes
from holdfast.migrate.lint.squawk import squawk_findings, squawk_path
from holdfast.migrate.migration import Migration
from holdfast.migrate.plan import Entry
from holdfast.postgres.database import Database
from holdfast.terminal.output import emit, note, print_table


@click.command("lint")
@click.option("--rule", "only", multiple=True, help="Only this rule (may be repeated).")
@click.option("--without", multiple=True, help="All rules but this one (may be repeated).")
@click.option(
    "--sizes", is_flag=True, help="Ask the database how many rows tables have; small ones are safe."
)
@click.option(
    "--small", type=click.IntRange(min=0), default=SMALL, show_default=True, help="Rows up to which."
)
@click.option("--strict", is_flag=True, help="Fail for advice too.")
@click.option("--no-squawk", is_flag=True, help="Do not ask squawk, where it is installed.")
@click.option("--explain", is_flag=True, help="Print the rules instead (those named by --rule, or all).")
@migrate_options
def lint(
    asked: Asked,
    *,
    only: tuple[str, ...],
    without: tuple[str, ...],
    sizes: bool,
    small: int,
    strict: bool,
    no_squawk: bool,
    explain: bool,
) -> None:
    """Find what endangers rows, locks out users or breaks code, before it runs. Reads files only."""
    _known(*only, *without)
    if explain:
        _explain(asked, [RULES[name] for name in only or sorted(RULES)])
        return
    files = [each for each in asked.files.ordered if not asked.systems or each.id.system in asked.systems]
    path = None if no_squawk else squawk_path()
    found = judged(
        files,
        sizes=_read_sizes(asked) if sizes else None,
        earlier=[each for each in asked.files.ordered if each not in files],
        small=small,
        others=None if path is None else squawk_findings(files, path),
    )
    kept = [
        (finding, migration)
        for finding, migration in found
        if (not only or finding.rule in only) and finding.rule not in without
    ]
    emit(asked.options, [_fields(*each) for each in kept], lambda: _print(kept, len(files)))
    if (strict and kept) or any(finding.level == "danger" for finding, _ in kept):
        click.get_current_context().exit(1)


def _known(*names: str) -> None:
    for name in names:
        if name not in RULES and name != "suppression" and not name.startswith("squawk:"):
            raise WrongUse(
                f"There is no rule named {name}.", hint="holdfast migrate lint --explain lists them."
            )


def _read_sizes(asked: Asked) -> Mapping[str, int]:
    async def work(database: Database) -> Mapping[str, int]:
        async with database.connection() as connection:
            return await read_sizes(connection)

    return asked.run(work, purpose="lint")


def _fields(finding: Finding, migration: Migration) -> dict[str, object]:
    return {"system": migration.id.system, "number": migration.id.number, **finding.fields()}


def _print(found: Sequence[tuple[Finding, Migration]], count: int) -> None:
    told = set()
    for finding, _ in found:
        rows = "" if finding.rows is None else f" (about {finding.rows:,} rows)"
        click.echo(f"{finding.file}:{finding.line}: {finding.level} {finding.rule}: {finding.found}{rows}")
        if finding.rule in told:  # said once, for all places
            continue
        told.add(finding.rule)
        for name, text in (("danger", finding.danger), ("lock", finding.lock), ("safe", finding.safe)):
            click.echo(f"    {name.ljust(6)}  {text}")
    dangers = sum(finding.level == "danger" for finding, _ in found)
    note(f"{count} files: {dangers} dangers, {len(found) - dangers} pieces of advice.")


def _explain(asked: Asked, wanted: Sequence[Rule]) -> None:
    def render() -> None:
        if len(wanted) > 3:
            print_table(
                ("rule", "level", "danger"), [(each.name, each.level, each.danger) for each in wanted]
            )
            return
        for each in wanted:
            click.echo(f"{each.name} ({each.level})")
            for name, text in (("danger", each.danger), ("lock", each.lock), ("safe", each.safe)):
                click.echo(f"    {name.ljust(7)}  {text}")
            for name, text in (("example", each.example), ("instead", each.instead)):
                click.echo(f"    {name.ljust(7)}  {text}".replace("\n", "\n" + " " * 13))

    emit(
        asked.options,
        [
            {
                name: getattr(each, name)
                for name in ("name", "level", "danger", "lock", "safe", "example", "instead")
            }
            for each in wanted
        ],
        render,
    )


@click.command("plan")
@click.option(
    "--down", is_flag=True, help="What undoing would run, of the system's newest applied migration."
)
@click.option(
    "--steps", type=click.IntRange(min=1), default=1, show_default=True, help="With --down: how many."
)
@migrate_options
def plan(asked: Asked, *, down: bool, steps: int) -> None:
    """Print the SQL that would run, with the locks that each statement takes and what they block."""
    system = asked.one_system if down else None

    async def work(database: Database) -> list[Entry]:
        return await engine.status(database, asked.systems or None, files=asked.all_files)

    entries = asked.run(work, purpose="plan")
    if system is not None:
        settled = [each for each in entries if each.applied is not None and each.id.system == system]
        chosen = [each.migration for each in reversed(settled[-steps:])]
    else:
        chosen = [each.migration for each in entries if each.applied is None]
    applied = [each.migration for each in entries if each.applied is not None and each.migration is not None]
    files = planned([each for each in chosen if each is not None], "down" if down else "up", applied)
    nothing = f"Nothing of {system} is applied." if down else "Everything is applied already."
    emit(asked.options, [_plan_fields(each) for each in files], lambda: _print_plan(files, nothing))


def _plan_fields(file: PlannedFile) -> dict[str, object]:
    migration = file.migration
    return {
        "system": migration.id.system,
        "number": migration.id.number,
        "name": migration.name,
        "file": migration.file,
        "direction": file.direction,
        "transactional": migration.transactional,
        "irreversible": migration.irreversible,
        "statements": [_statement_fields(each) for each in file.statements],
    }


def _statement_fields(statement: PlannedStatement) -> dict[str, object]:
    locks = [
        {"relation": told(lock.relation), "mode": lock.mode, "blocks": lock.blocks, "why": lock.why}
        for lock in statement.locks
    ]
    return {"line": statement.line, "sql": statement.sql, "locks": locks, "unknown": statement.unknown}


def _print_plan(files: Sequence[PlannedFile], nothing: str) -> None:
    if not files:
        click.echo(f"-- {nothing}")
    for file in files:
        migration = file.migration
        form = "one transaction" if migration.transactional else "statement by statement"
        click.echo(f"-- {migration.id} {migration.name}: {file.direction}, {form}")
        if file.direction == "down" and migration.irreversible:
            click.echo(f"-- cannot be undone: {migration.irreversible}")
        for each in file.statements:
            click.echo(f"{each.sql};")
            for lock in each.locks:
                click.echo(f"--   {lock.mode} on {lock.shown} ({lock.why}): blocks {lock.blocks}")
            if each.unknown:
                click.echo(f"--   more may be locked: {each.unknown}")
        click.echo()
