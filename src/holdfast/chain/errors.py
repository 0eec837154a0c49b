"""What goes wrong between a follower and its source."""

from __future__ import annotations

from typing import ClassVar

from holdfast.errors import Conflict, HoldfastError, TryAgain, WrongUse


class Undecodable(HoldfastError):
    """A log does not hold what its event's signature says."""

    code = "undecodable"


class WrongSignature(WrongUse):
    """An event signature cannot be read."""

    code = "wrong_signature"


class NodeTrouble(TryAgain):
    """A node could not be read; it is asked again after a while. Nothing was stored."""

    code = "node_trouble"
    state: ClassVar[str] = "failing"


class NodeUnreachable(NodeTrouble):
    """No connection, no answer in time, or a server error."""

    code = "node_unreachable"


class NodeBusy(NodeTrouble):
    """The node asks to wait (HTTP 429 or 5xx, or a rate limit said in JSON).

    ``seconds`` is what it told (Retry-After), or None where it only refused.
    """

    code = "node_busy"
    state = "waiting"

    def __init__(self, message: str, *, seconds: float | None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.seconds = seconds


class NodeNonsense(NodeTrouble):
    """The node's answer contradicts itself, the question, or the protocol."""

    code = "node_nonsense"


class NodeChanged(NodeTrouble):
    """What was asked by its hash is gone: the node's chain changed between two questions."""

    code = "node_changed"


class NodeRefused(NodeTrouble):
    """The node answers, and refuses this question (an error that is neither a limit nor a wait)."""

    code = "node_refused"


class TooMuch(NodeTrouble):
    """The node refuses the size of the question or its answer; half of it may be answered."""

    code = "too_much"


class OtherChain(NodeTrouble):
    """The node serves another chain than the one that is followed; it is not read."""

    code = "other_chain"


class WrongRecording(HoldfastError):
    """A recording cannot be read, or is not the one that was followed so far."""

    code = "wrong_recording"


class CheckpointMoved(TryAgain):
    """Another process moved the checkpoint meanwhile; nothing was stored."""

    code = "checkpoint_moved"


class ChainExists(Conflict):
    """A chain of that id is there already."""

    code = "chain_exists"
