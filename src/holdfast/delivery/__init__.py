"""Requests that leave the house: guarded against internal addresses, limited, signed."""

from holdfast.system import System

ROOM = System(
    name="delivery",
    summary="Outbound HTTP that reaches no internal address, waits no longer and reads no more than told.",
    package="holdfast.delivery",
    settings=("holdfast.delivery.settings",),
)
