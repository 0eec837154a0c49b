"""Text that PostgreSQL can hold."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import StringConstraints

PlainText: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""A string without the character NUL, which PostgreSQL's TEXT refuses."""
