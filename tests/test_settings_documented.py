"""docs/settings.md names every declared setting, as it is declared."""

from __future__ import annotations

import pytest

from holdfast.settings import Setting
from holdfast.system import declared_settings
from scripts.document_settings import PAGE, page, written

HINT = "run .venv/bin/python scripts/document_settings.py and commit docs/settings.md"


def test_the_page_says_what_is_declared() -> None:
    declared = declared_settings()
    content = PAGE.read_text(encoding="utf-8")
    unnamed = [
        setting.name for setting in declared if f"| `{setting.name}` | `{setting.key}` |" not in content
    ]
    assert unnamed == [], HINT
    assert content == page(declared), HINT


@pytest.mark.parametrize("setting", declared_settings(), ids=lambda setting: setting.name)
def test_a_default_as_written_is_the_default_when_read(setting: Setting[object]) -> None:
    if written(setting):
        assert setting.parse(written(setting)) == setting.default
    else:
        assert setting.default is None or setting.default in ("", ())
