"""Tables that are partitioned by time: partitions made before they are needed, dropped when they expire."""

from holdfast.system import System

ROOM = System(
    name="timeseries",
    summary="Makes partitions by time before rows need them, and drops those that have expired.",
    package="holdfast.timeseries",
    generates=("holdfast.timeseries.generating:PARTITIONS",),
)
