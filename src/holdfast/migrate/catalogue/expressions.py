"""Whether two expressions say the same, as PostgreSQL writes them.

It writes ``(a OR b) OR c`` for what it made of a comparison of rows, and ``a OR b OR c`` for the same read
again: parentheses around parts of one AND or OR do not count.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<quoted>[eE]?'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)"""
    r"""|(?P<open>\()|(?P<close>\))|(?P<word>\w+)|(?P<space>\s+)|(?P<other>.)""",
    re.DOTALL,
)
_JOINING = ("AND", "OR")
Tree = list["str | Tree"]


def alike(one: object, other: object) -> bool:
    """Tell whether two values of an attribute are the same, but for parentheses that mean nothing."""
    if one == other:
        return True
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    if not any(word in one and word in other for word in (" AND ", " OR ")):
        return False
    return _canonical(one) == _canonical(other)


def _canonical(text: str) -> Tree:
    root: Tree = []
    stack = [root]
    for match in _TOKEN.finditer(text):
        if match["space"]:
            continue
        if match["open"]:
            inner: Tree = []
            stack[-1].append(inner)
            stack.append(inner)
        elif match["close"] and len(stack) > 1:
            stack.pop()
        else:
            stack[-1].append(match[0])
    return _flatten(root)


def _flatten(tree: Tree) -> Tree:
    """Take the parts of an AND within the same AND, and of an OR within the same OR, out of parentheses."""
    flat: Tree = [part if isinstance(part, str) else _flatten(part) for part in tree]
    joining = _joined_by(flat)
    result: Tree = []
    for part in flat:
        if joining and isinstance(part, list) and _joined_by(part) == joining and _alone(flat, part):
            result += part
        else:
            result.append(part)
    return result


def _joined_by(tree: Tree) -> str:
    """Return the one of AND and OR that joins the parts at the top of a tree, where it is only one."""
    found = {part for part in tree if isinstance(part, str) and part in _JOINING}
    return found.pop() if len(found) == 1 else ""


def _alone(tree: Tree, part: Tree) -> bool:
    """Tell whether a part stands between joining words, not as the arguments of something."""
    index = next(number for number, each in enumerate(tree) if each is part)
    before = tree[index - 1] if index else _JOINING[0]
    after = tree[index + 1] if index + 1 < len(tree) else _JOINING[0]
    return before in _JOINING and after in _JOINING
