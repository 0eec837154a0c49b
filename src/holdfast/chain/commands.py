"""``holdfast chains``: which chains are followed."""

from __future__ import annotations

from typing import Any

import click

from holdfast.chain import chains as listed
from holdfast.chain.masking import RECORDING
from holdfast.chain.standing import standings
from holdfast.errors import TryAgain, WrongUse
from holdfast.migrate.command import run_with_database
from holdfast.postgres.database import Database
from holdfast.terminal.options import CommandOptions, common_options
from holdfast.terminal.output import emit, note, print_table


@click.group("chains")
def chains() -> None:
    """Add, list, remove, pause and resume the chains that are followed."""


@chains.command("add")
@click.option("--rpc-url", required=True, help="A node's http(s) URL, or recording:FILE.")
@click.option("--chain-id", type=int, help="The chain's id; asked from the node where it is left out.")
@click.option("--start-block", type=int, default=0, show_default=True, help="The first block to read.")
@click.option(
    "--confirmations", type=int, help="Final after so many blocks, where the node knows no finality."
)
@click.option("--name", default="", help="A name of your own.")
@click.option("--from-start", is_flag=True, help="Read a recording that replaces another one of this chain.")
@common_options
def add(
    options: CommandOptions,
    rpc_url: str,
    chain_id: int | None,
    start_block: int,
    confirmations: int | None,
    name: str,
    from_start: bool,
) -> None:
    """Add a chain: its node or recording is read from now on."""
    if not rpc_url.startswith(RECORDING):
        chain_id = _confirmed_chain_id(rpc_url, chain_id)

    async def work(database: Database) -> listed.Chain:
        async with database.transaction() as connection:
            return await listed.add_chain(
                connection,
                rpc_url=rpc_url,
                chain_id=chain_id,
                start_block=start_block,
                confirmations=confirmations,
                name=name,
                from_start=from_start,
            )

    chain = run_with_database(options, work, purpose="chains add")
    data = {"chain_id": chain.chain_id, "rpc_url": chain.shown_url, "start_block": chain.start_block}
    emit(options, data, lambda: click.echo(f"Chain {chain.chain_id} is followed from {chain.shown_url}."))


def _confirmed_chain_id(rpc_url: str, chain_id: int | None) -> int:
    """Ask the node for its chain id; a node that does not answer is added where the id was given."""
    from holdfast.chain.node import ask_chain_id  # noqa: PLC0415  loads the HTTP client only where it is used
    from holdfast.chain.rpc import Rpc  # noqa: PLC0415  as above

    rpc = Rpc(rpc_url, timeout=5)
    try:
        found = ask_chain_id(rpc)
    except TryAgain as error:
        if chain_id is None:
            raise WrongUse(
                f"The node does not say which chain it serves: {error.message}",
                hint="Give --chain-id to add it all the same.",
            ) from error
        note(f"The node does not answer now: {error.message} It is tried again and again.")
        return chain_id
    finally:
        rpc.close()
    if chain_id not in (None, found):
        raise WrongUse(
            f"The node serves chain {found}, not {chain_id}.", hint="Correct --chain-id or --rpc-url."
        )
    return found


@chains.command("list")
@common_options
def list_chains(options: CommandOptions) -> None:
    """List the chains, how far each is read, and how it stands."""

    async def work(database: Database) -> list[dict[str, Any]]:
        async with database.connection() as connection:
            return [standing.as_json() for standing in await standings(connection)]

    rows = run_with_database(options, work, purpose="chains list")
    emit(options, rows, lambda: _show(rows))


def _show(rows: list[dict[str, Any]]) -> None:
    columns = [
        "chain",
        "source",
        "subscription",
        "state",
        "block",
        "head",
        "reorganisations",
        "quarantined",
        "",
    ]
    print_table(
        columns,
        [
            [
                " ".join(filter(None, (str(row["chain_id"]), row["name"]))),
                row["rpc_url"],
                row["subscription"] or "",
                row["state"],
                _number(row["last_block_number"]),
                _number(row["head_number"]),
                str(row["reorganisations"]),
                str(row["quarantined"]),
                row["message"],
            ]
            for row in rows
        ],
        empty="No chain. Add one with 'holdfast chains add --rpc-url URL'.",
    )


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


@chains.command("remove")
@click.argument("chain_id", type=int)
@common_options
def remove(options: CommandOptions, chain_id: int) -> None:
    """Stop following a chain and take it off the list; what was read of it stays."""

    async def work(database: Database) -> None:
        async with database.transaction() as connection:
            await listed.remove_chain(connection, chain_id)

    run_with_database(options, work, purpose="chains remove")
    _done(options, chain_id, "removed; what was read of it stays")


@chains.command("pause")
@click.argument("chain_id", type=int)
@common_options
def pause(options: CommandOptions, chain_id: int) -> None:
    """Stop following a chain for now."""
    _enable(options, chain_id, enabled=False)
    _done(options, chain_id, "paused")


@chains.command("resume")
@click.argument("chain_id", type=int)
@common_options
def resume(options: CommandOptions, chain_id: int) -> None:
    """Go on following a paused chain where it stood."""
    _enable(options, chain_id, enabled=True)
    _done(options, chain_id, "followed again")


def _enable(options: CommandOptions, chain_id: int, *, enabled: bool) -> None:
    async def work(database: Database) -> None:
        async with database.transaction() as connection:
            await listed.enable_chain(connection, chain_id, enabled=enabled)

    run_with_database(options, work, purpose="chains resume" if enabled else "chains pause")


def _done(options: CommandOptions, chain_id: int, what: str) -> None:
    emit(options, {"chain_id": chain_id, "done": what}, lambda: click.echo(f"Chain {chain_id} is {what}."))
