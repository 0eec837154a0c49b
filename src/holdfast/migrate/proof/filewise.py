"""The proof of one file: killed on the way, applied, undone, applied again, and what became of everything."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import psycopg

from holdfast.errors import HoldfastError
from holdfast.migrate.catalogue.comparing import Difference
from holdfast.migrate.files import Migration
from holdfast.migrate.history import Direction
from holdfast.migrate.proof.certificate import Failure
from holdfast.migrate.proof.kills import Moment, moments
from holdfast.migrate.proof.stage import Killed, Stage
from holdfast.migrate.proof.untouched import Mark

_SHOWN_DIFFERENCES = 5


class Disproved(Exception):
    """A proof came to its end early: what it found is a failure of the file."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


@dataclass(slots=True)
class Found:
    """What the proof of a file came to; ``after`` is the catalogue's fingerprint with the file applied."""

    after: str = ""
    failures: list[Failure] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Proof:
    stage: Stage
    migration: Migration
    seed: str
    before: str
    mark: Mark
    found: Found
    kills: int = 0


def prove_file(stage: Stage, migration: Migration, *, before: str, seed: str) -> Found:
    """Prove one file on a stage where all that it needs is applied, with rows; leave it applied.

    ``before`` is the catalogue's fingerprint as it stands; ``seed`` makes the random choices repeatable.
    With failures in the result, the stage may be in any state.
    """
    began = time.monotonic()
    proof = _Proof(stage, migration, seed, before, stage.mark(), Found())
    try:
        if migration.transactional:
            _prove_transaction(proof)
        else:
            _prove_steps(proof)
    except Disproved as disproved:
        proof.found.failures.append(disproved.failure)
    except HoldfastError as error:
        proof.found.failures.append(Failure(error.message, error.hint))
    except psycopg.Error as error:
        proof.found.failures.append(
            Failure(
                f"The server ended the proof: {error}.", "Prove it again; see that the server has memory."
            )
        )
    proof.found.values["kills"] = proof.kills
    if migration.irreversible:
        proof.found.values["irreversible"] = migration.irreversible
    proof.found.values["seconds"] = round(time.monotonic() - began, 3)
    return proof.found


def _prove_transaction(proof: _Proof) -> None:
    touched = _kill_in_transaction(proof, "up")
    if proof.migration.irreversible:
        _plain_up_of_copy(proof, touched)
    else:
        _plain_up(proof, touched)
        _kill_in_transaction(proof, "down")
        _plain_down(proof)
    _last_up(proof)


def _prove_steps(proof: _Proof) -> None:
    if proof.migration.irreversible:
        _plain_up_of_copy(proof, None)
        _kill_clones(proof)
    else:
        _plain_up(proof, None)
        _kill_steps(proof)
        _plain_down(proof)
    _last_up(proof)


def _plain_up(proof: _Proof, touched: frozenset[int] | None) -> None:
    """Apply it exactly as a user does: the engine sends all of a transaction in one message."""
    proof.found.values["up_ms"] = proof.stage.up(proof.migration, touched=touched)
    proof.found.after = proof.stage.fingerprint()
    _check_rows(proof, "up")


def _plain_up_of_copy(proof: _Proof, touched: frozenset[int] | None) -> None:
    """Do the same on a copy, where there is no way back."""
    with proof.stage.clone() as copy:
        proof.found.values["up_ms"] = copy.up(proof.migration, touched=touched)
        proof.found.after = copy.fingerprint()
        if not proof.migration.data_loss:
            _check_rows(proof, "up", stage=copy)


def _plain_down(proof: _Proof) -> None:
    proof.found.values["down_ms"] = proof.stage.down(proof.migration)
    _check_before(proof, "undoing it")
    _check_rows(proof, "down")


def _last_up(proof: _Proof) -> None:
    """Apply it for good, under readers and writers."""
    taken = proof.stage.up_under_load(proof.migration)
    after = proof.stage.fingerprint()
    if proof.found.after:
        _check_after(proof, after, "applying it again")
    proof.found.after = after
    _check_rows(proof, "up")
    proof.found.values.update(taken.to_json())
    for lock in taken.over_budget:
        proof.found.failures.append(
            Failure(
                f"It kept {lock.blocks} of {lock.relation} out for {lock.held_ms:.0f} ms ({lock.mode}, line "
                f"{lock.line}), longer than its budget of {taken.budget_ms:.0f} ms.",
                "Do less under the lock (see: holdfast migrate lint), or give it '-- lock-budget: 10s'.",
            )
        )
    for who, waited_ms in () if taken.over_budget else taken.waits_over_budget:
        proof.found.failures.append(
            Failure(
                f"A {who} of {', '.join(taken.under_load)} waited for {waited_ms:.0f} ms, longer than "
                f"its budget of {taken.budget_ms:.0f} ms.",
                "Change fewer rows in one transaction, or give it '-- lock-budget: 10s'.",
            )
        )


def _kill(proof: _Proof, direction: Direction, moment: Moment, *, stage: Stage | None = None) -> Killed:
    """Kill a run. One that fails is begun once more, and must then fail without a kill as well."""
    stage = stage or proof.stage
    for _ in range(2):
        killed = stage.kill(proof.migration, direction, moment)
        if killed.ended.ending == "killed":
            proof.kills += 1
        if killed.ended.ending != "failed":
            return killed
    stage.resume(proof.migration, direction)  # which raises what is wrong with the file
    raise Disproved(
        Failure(
            f"It could not be killed ({moment}): the process to be killed failed twice: {killed.ended.why}",
            "Prove it again; where that says the same, see whether the file does the same each time.",
        )
    )


def _kill_in_transaction(proof: _Proof, direction: Direction) -> frozenset[int] | None:
    """Kill a file that is one transaction at each moment; return what it touched, where that is known."""
    touched = None
    for moment in moments(proof.migration, direction, proof.seed):
        killed = _kill(proof, direction, moment)
        if killed.committed or killed.ended.ending == "went through":
            raise Disproved(
                Failure(
                    f"Killed {moment}, {direction} left something behind: a part of it was committed.",
                    "It must not end its own transaction: look for COMMIT in procedures, and for dblink.",
                )
            )
        touched = killed.ended.touched
    return touched


def _kill_steps(proof: _Proof) -> None:
    """Kill a file without a transaction at each moment of both directions in turn, and go on from there."""
    up, down = (moments(proof.migration, direction, proof.seed) for direction in ("up", "down"))
    for number in range(max(len(up), len(down))):
        _go(proof, "down", down[number] if number < len(down) else None)
        _go(proof, "up", up[number] if number < len(up) else None)


def _go(proof: _Proof, direction: Direction, moment: Moment | None) -> None:
    """Run a file without a transaction, killed once where a moment is given, to its end."""
    if moment is not None:
        _kill(proof, direction, moment)
    proof.stage.resume(proof.migration, direction)
    what = f"resuming {direction} after a kill ({moment})" if moment else f"running {direction}"
    if direction == "up":
        _check_after(proof, proof.stage.fingerprint(), what)
    else:
        _check_before(proof, what)


def _kill_clones(proof: _Proof) -> None:
    """Kill a file without a transaction and without a way back at each moment, on a copy each."""
    for moment in moments(proof.migration, "up", proof.seed):
        with proof.stage.clone() as copy:
            _kill(proof, "up", moment, stage=copy)
            copy.resume(proof.migration, "up")
            _check_after(proof, copy.fingerprint(), f"resuming it after a kill ({moment})", stage=copy)


def _check_before(proof: _Proof, what: str) -> None:
    if proof.stage.is_untouched(proof.mark) or proof.stage.fingerprint() == proof.before:
        return
    differences = _differences(proof, applied=False, stage=proof.stage)
    if differences and all(each.only_order for each in differences):
        # A column that is given back comes last in its table: PostgreSQL has no other place for it.
        proof.found.values["column_order"] = [each.name for each in differences]
        return
    raise Disproved(
        Failure(
            f"After {what} the catalogue is not as it was before: {_in_words(differences)}.",
            "Let -- DOWN undo all that -- UP does; or write '-- irreversible: reason' in its place.",
        )
    )


def _check_after(proof: _Proof, found: str, what: str, *, stage: Stage | None = None) -> None:
    if found != proof.found.after:
        raise Disproved(
            Failure(
                f"After {what} the catalogue is not as it was after the first time: "
                f"{_in_words(_differences(proof, applied=True, stage=stage or proof.stage))}.",
                "Let it do the same each time: no IF NOT EXISTS over what -- DOWN leaves, no random names.",
            )
        )


def _differences(proof: _Proof, *, applied: bool, stage: Stage) -> list[Difference]:
    """Return how the catalogue differs from that of a new database with the same files."""
    expected = stage.of_new(with_file=proof.migration if applied else None, without=proof.migration)
    return stage.differences(expected)


def _in_words(differences: list[Difference]) -> str:
    return in_words([str(each) for each in differences])


def in_words(differences: list[str]) -> str:
    """Say the first of some differences, and how many there are beyond."""
    if not differences:
        return "it differs in a way that a new database with the same files does not show"
    more = len(differences) - _SHOWN_DIFFERENCES
    shown = "; ".join(differences[:_SHOWN_DIFFERENCES])
    return f"{shown}; and {more} more" if more > 0 else shown


def _check_rows(proof: _Proof, direction: Direction, *, stage: Stage | None = None) -> None:
    losses = (stage or proof.stage).losses()
    if not losses:
        return
    if proof.migration.data_loss:
        proof.found.values.setdefault("lost", {})[direction] = losses
        proof.stage.seed()  # what is looked for from here on is what there is now
        return
    undoing = "Undoing it" if direction == "down" else "Applying it"
    raise Disproved(
        Failure(
            f"{undoing} lost what the tables held: {in_words(losses)}.",
            "Keep the rows (copy them, add before dropping), or declare it: '-- data-loss: what is lost'.",
        )
    )
