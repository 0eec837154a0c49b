"""Moments as filters take them."""

from __future__ import annotations

import re
from typing import Annotated, TypeAlias

from pydantic import AwareDatetime, BeforeValidator

_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def _as_written(value: object) -> object:
    if not isinstance(value, str) or not _WRITTEN.fullmatch(value):
        raise ValueError("must be a time with its zone, such as 2026-01-31T12:00:00Z")
    return value


Moment: TypeAlias = Annotated[AwareDatetime, BeforeValidator(_as_written)]
"""A time with its zone as RFC 3339 writes it; not a number, which pydantic would take for Unix seconds."""
