"""A small subscription for tests: every log of the watched contracts becomes a row of one table."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.chain.columns import Constant, Field
from holdfast.chain.decoding import LineDecoder, decode_logs, line_decoder
from holdfast.chain.signatures import parse_event
from holdfast.chain.subscription import Decoded, Header, RawLog, Span, Watch
from holdfast.postgres.database import Database
from holdfast.system import Connection

REGISTRY_EVENTS = (
    "Registered(uint256 indexed agentId, string agentURI, address indexed owner)",
    "MetadataSet(uint256 indexed agentId, string indexed indexedMetadataKey, string metadataKey,"
    " bytes metadataValue)",
    "URIUpdated(uint256 indexed agentId, string newURI, address indexed updatedBy)",
    "NewFeedback(uint256 indexed agentId, address indexed clientAddress, uint64 feedbackIndex, int128 value,"
    " uint8 valueDecimals, string indexed indexedTag1, string tag1, string tag2, string endpoint,"
    " string feedbackURI, bytes32 feedbackHash)",
    "FeedbackRevoked(uint256 indexed agentId, address indexed clientAddress, uint64 indexed feedbackIndex)",
    "ResponseAppended(uint256 indexed agentId, address indexed clientAddress, uint64 feedbackIndex,"
    " address indexed responder, string responseURI, bytes32 responseHash)",
    "ValidationRequest(address indexed validatorAddress, uint256 indexed agentId, string requestURI,"
    " bytes32 indexed requestHash)",
    "ValidationResponse(address indexed validatorAddress, uint256 indexed agentId, bytes32 indexed"
    " requestHash, uint8 response, string responseURI, bytes32 responseHash, string tag)",
    "Transfer(address indexed from, address indexed to, uint256 indexed tokenId)",
    "Approval(address indexed owner, address indexed approved, uint256 indexed tokenId)",
    "ApprovalForAll(address indexed owner, address indexed operator, bool approved)",
    "MetadataUpdate(uint256 tokenId)",
    "Upgraded(address indexed implementation)",
    "Initialized(uint64 version)",
    "OwnershipTransferred(address indexed previousOwner, address indexed newOwner)",
    "EIP712DomainChanged()",
)

TABLE = """
CREATE TABLE IF NOT EXISTS public.heard (
    subscription TEXT NOT NULL,
    chain_id BIGINT NOT NULL,
    block_number BIGINT NOT NULL,
    block_hash TEXT NOT NULL,
    log_index BIGINT NOT NULL,
    event TEXT NOT NULL,
    block_time TIMESTAMPTZ NOT NULL,
    canonical BOOLEAN NOT NULL DEFAULT true,
    generation INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (subscription, chain_id, block_hash, log_index)
);
CREATE TABLE IF NOT EXISTS public.watched (chain_id BIGINT, address TEXT)
"""


class Listening:
    """Stores what it hears in ``public.heard``; watches what ``public.watched`` names."""

    def __init__(self, name: str = "listening", events: Sequence[str] = REGISTRY_EVENTS) -> None:
        self.name = name
        self._events = events
        self._decoders: dict[int, dict[str, LineDecoder]] = {}
        self.fail_before_commit = False

    async def create(self, database: Database) -> None:
        async with database.transaction() as connection:
            await connection.execute(TABLE)

    async def watch(self, connection: Connection, chain_id: int, /) -> Watch:
        cursor = await connection.execute(
            "SELECT address FROM public.watched WHERE chain_id = %s ORDER BY address", [chain_id]
        )
        return Watch({row["address"].lower(): "emitter" for row in await cursor.fetchall()})

    def decode(self, chain_id: int, watch: Watch, logs: Sequence[RawLog], /) -> Decoded:
        return decode_logs(logs, watch.contracts, {"emitter": self._of(chain_id)})

    async def prepare(self, database: Database, decoded: Sequence[Decoded], /) -> None:
        return

    async def store(self, connection: Connection, span: Span, decoded: Sequence[Decoded], /) -> int:
        columns = "(subscription, chain_id, block_number, block_hash, log_index, event, block_time)"
        target = "public.heard"
        if span.replay:
            await connection.execute("DROP TABLE IF EXISTS pg_temp.staged")
            await connection.execute(
                "CREATE TEMPORARY TABLE staged (LIKE public.heard INCLUDING DEFAULTS) ON COMMIT DROP"
            )
            target = "pg_temp.staged"
        async with connection.cursor() as cursor:
            async with cursor.copy(f"COPY {target} {columns} FROM STDIN") as copy:
                for part in decoded:
                    await copy.write(part.rows)
            if span.replay:
                await cursor.execute(
                    "INSERT INTO public.heard SELECT * FROM pg_temp.staged ON CONFLICT DO NOTHING"
                )
            stored = cursor.rowcount
        if self.fail_before_commit:
            raise RuntimeError("killed between storing and committing")
        return stored

    async def retract(self, connection: Connection, chain_id: int, blocks: Sequence[Header], /) -> None:
        await connection.execute(
            "UPDATE public.heard SET canonical = false"
            " WHERE subscription = %s AND chain_id = %s AND canonical AND block_hash = ANY(%s)",
            [self.name, chain_id, [block.hash for block in blocks]],
        )

    async def restore(self, connection: Connection, chain_id: int, blocks: Sequence[Header], /) -> None:
        await connection.execute(
            "UPDATE public.heard SET canonical = true, generation = generation + 1"
            " WHERE subscription = %s AND chain_id = %s AND NOT canonical AND block_hash = ANY(%s)",
            [self.name, chain_id, [block.hash for block in blocks]],
        )

    def _of(self, chain_id: int) -> dict[str, LineDecoder]:
        if chain_id not in self._decoders:
            signatures = [parse_event(event) for event in self._events]
            self._decoders[chain_id] = {
                signature.topic: line_decoder(
                    signature,
                    [
                        Constant(self.name),
                        Constant(chain_id),
                        Field("block_number"),
                        Field("block_hash"),
                        Field("log_index"),
                        Constant(signature.name),
                        Field("block_time"),
                    ],
                )
                for signature in signatures
            }
        return self._decoders[chain_id]


async def watch(database: Database, chain_id: int, *addresses: str) -> None:
    """Have contracts watched from now on."""
    async with database.transaction() as connection:
        for address in addresses:
            await connection.execute("INSERT INTO public.watched VALUES (%s, %s)", [chain_id, address])


async def canonical(database: Database, name: str = "listening") -> list[list[object]]:
    """Return (block hash, log index) of every canonical row, in the order of the chain."""
    async with database.connection() as connection:
        cursor = await connection.execute(
            "SELECT block_hash, log_index FROM public.heard WHERE canonical AND subscription = %s"
            " ORDER BY block_number, log_index",
            [name],
        )
        return [[row["block_hash"], row["log_index"]] for row in await cursor.fetchall()]
