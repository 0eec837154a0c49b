"""What goes wrong with partitions."""

from holdfast.errors import Conflict, HoldfastError, TryAgain, WrongUse


class NotPartitioned(WrongUse):
    """A table is not partitioned by range of the declared column, or its declaration cannot be read."""

    code = "not_partitioned"


class NonsenseTime(HoldfastError):
    """A row claims a time at which nothing can have happened; no partition is made for it."""

    code = "nonsense_time"


class TooManyPartitions(WrongUse):
    """One call would make more partitions than it may."""

    code = "too_many_partitions"


class TableBusy(TryAgain):
    """Others held the lock that making or dropping a partition needs for too long."""

    code = "table_busy"


class NameTaken(Conflict):
    """A table stands where a partition is to be made, and is no partition of it."""

    code = "name_taken"
