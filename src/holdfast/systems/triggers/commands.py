"""``holdfast triggers registries``: which contracts are followed."""

from __future__ import annotations

import click

from holdfast.errors import WrongUse
from holdfast.migrate.command import run_with_database
from holdfast.postgres.database import Database
from holdfast.systems.triggers.registries.registries import (
    add_registries,
    list_registries,
    remove_registry,
)
from holdfast.terminal.options import CommandOptions, common_options
from holdfast.terminal.output import confirm, emit, print_table


@click.group("registries")
def registries() -> None:
    """Add, list and remove the registry contracts of a chain."""


@registries.command("add")
@click.argument("chain_id", type=int)
@click.option("--identity", help="Address of the identity registry.")
@click.option("--reputation", help="Address of the reputation registry.")
@click.option("--validation", help="Address of the validation registry.")
@common_options
def add(
    options: CommandOptions,
    chain_id: int,
    identity: str | None,
    reputation: str | None,
    validation: str | None,
) -> None:
    """Follow the registries of a chain; their logs since the chain's start block become events."""
    named = {"identity": identity, "reputation": reputation, "validation": validation}
    addresses = {registry: address for registry, address in named.items() if address}
    if not addresses:
        raise WrongUse(
            "No address was given.", hint="Give --identity, --reputation or --validation, or all of them."
        )

    async def work(database: Database) -> list[tuple[str, str]]:
        async with database.transaction() as connection:
            return await add_registries(connection, chain_id, addresses)

    added = run_with_database(options, work, purpose="triggers registries add")
    data = {
        "chain_id": chain_id,
        "added": [{"registry": registry, "address": address} for registry, address in added],
    }
    emit(
        options,
        data,
        lambda: print_table(("registry", "address"), added, empty="All of them are followed already."),
    )


@registries.command("list")
@common_options
def list_(options: CommandOptions) -> None:
    """List the registries of all chains."""

    async def work(database: Database) -> list[dict[str, object]]:
        async with database.connection() as connection:
            return await list_registries(connection)

    rows = run_with_database(options, work, purpose="triggers registries list")
    columns = ("chain_id", "registry", "address", "created_at")
    emit(
        options,
        rows,
        lambda: print_table(
            columns, [[row[name] for name in columns] for row in rows], empty="No registry is followed."
        ),
    )


@registries.command("remove")
@click.argument("chain_id", type=int)
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@common_options
def remove(options: CommandOptions, chain_id: int, address: str, yes: bool) -> None:
    """Stop following a contract; its events stay."""
    confirm(options, f"Stop following {address} on chain {chain_id}?", yes=yes)

    async def work(database: Database) -> str:
        async with database.transaction() as connection:
            return await remove_registry(connection, chain_id, address)

    registry = run_with_database(options, work, purpose="triggers registries remove")
    emit(
        options,
        {"chain_id": chain_id, "registry": registry, "address": address.lower()},
        lambda: click.echo(f"{address} (the {registry} registry of chain {chain_id}) is no longer followed."),
    )
