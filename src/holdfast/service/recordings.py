"""Takes up a recorded chain that ``up`` is told to follow, and tells systems what its header names."""

from __future__ import annotations

from pathlib import Path

from holdfast.chain.chains import add_chain, all_chains, remove_chain
from holdfast.chain.masking import RECORDING
from holdfast.chain.recording import chain_id_of, read_header
from holdfast.errors import Conflict
from holdfast.postgres.database import Database
from holdfast.system import RecordingHook, resolve, systems


async def take_up_recording(database: Database, file: Path) -> None:
    """Make a recording a chain to follow, unless it is one, and register the contracts of its header.

    The same recording found elsewhere (a moved file) goes on where it stood; another recording of the
    same chain is followed from its first line. Raises ``Conflict`` where the chain is followed from a
    node, and ``WrongRecording`` where the file is none.
    """
    header = read_header(file)
    chain_id = chain_id_of(header, file)
    url = f"{RECORDING}{file}"
    async with database.transaction() as connection:
        there = next((chain for chain in await all_chains(connection) if chain.chain_id == chain_id), None)
        if there is not None and there.recording is None:
            raise Conflict(
                f"Chain {chain_id}, which {file} records, is followed from {there.shown_url}.",
                hint="Remove that chain first, or follow the recording in another data directory.",
            )
        if there is not None and there.recording != file:
            await remove_chain(connection, chain_id)
        same = there is not None and there.recording is not None and _same(there.recording, file)
        await add_chain(connection, rpc_url=url, exists_ok=True, from_start=there is not None and not same)
        for path in [system.recording for system in systems() if system.recording]:
            hook: RecordingHook = resolve(path)
            await hook(connection, header)


def _same(one: Path, other: Path) -> bool:
    """Tell whether two files hold the same recording; one that has gone is taken for a moved one."""
    return one == other or not one.exists() or one.read_bytes() == other.read_bytes()
