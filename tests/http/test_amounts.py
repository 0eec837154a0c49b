"""Wide integers stay exact on their way through JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from holdfast.http.amounts import Exact


class Amount(BaseModel):
    value: Exact


@given(st.integers(-(10**78) + 1, 10**78 - 1))
def test_a_wide_integer_goes_out_as_digits_and_comes_back(number: int) -> None:
    text = Amount(value=number).model_dump_json()
    assert json.loads(text) == {"value": str(number)}
    assert Amount.model_validate_json(text).value == number


@pytest.mark.parametrize("value", [True, 1.0, "1.0", "1e3", "", "-", " 1", "+1", "\u0663", "9" * 79, None])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Amount.model_validate({"value": value})
