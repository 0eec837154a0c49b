"""Opens a chain's source: its node or its recording."""

from __future__ import annotations

from holdfast.chain import settings as chain_settings
from holdfast.chain.chains import Chain
from holdfast.chain.ledger import Checkpoint
from holdfast.chain.node import Node
from holdfast.chain.recording import Recording
from holdfast.chain.rpc import Rpc, Waiting
from holdfast.chain.source import Source
from holdfast.settings import Settings


def open_source(chain: Chain, checkpoint: Checkpoint, settings: Settings, *, waiting: Waiting) -> Source:
    """Open a recording where the checkpoint stands, or a node; blocks while a recording is read so far.

    ``waiting`` is told, in any thread, when a node asks to wait. Raises ``WrongRecording``.
    """
    if chain.recording is not None:
        return Recording(chain.recording, position=checkpoint.position, last_hash=checkpoint.hash)
    rpc = Rpc(
        chain.rpc_url,
        timeout=settings.get(chain_settings.TIMEOUT),
        concurrency=max(1, settings.get(chain_settings.CONCURRENCY)),
        batch=settings.get(chain_settings.BATCH),
        max_response_bytes=settings.get(chain_settings.MAX_RESPONSE),
        waiting=waiting,
    )
    confirmations = chain.confirmations
    if confirmations is None:
        confirmations = settings.get(chain_settings.CONFIRMATIONS)
    return Node(rpc, chain.chain_id, confirmations=confirmations)
