"""JSON-RPC 2.0 over HTTP: batches, concurrency, waiting as told.

Blocking, for use in threads; one ``Rpc`` serves many threads. A node that says how long to wait
(Retry-After with 429 or 5xx) is given that time: every thread of this ``Rpc`` waits, not only the
one that was told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from holdfast.chain.computing import COMPUTING
from holdfast.chain.errors import (
    NodeBusy,
    NodeNonsense,
    NodeRefused,
    NodeTrouble,
    NodeUnreachable,
    TooMuch,
)
from holdfast.chain.masking import without_secrets
from holdfast.chain.transport import Answer, Transport

Question = tuple[str, Sequence[Any]]
Waiting = Callable[[str, float], None]
"""Told, from any thread, that the node asked to wait, and for how many seconds."""

ATTEMPTS = 5
LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class RpcError:
    """The error object that a node gave instead of a result."""

    code: int
    message: str

    def __str__(self) -> str:
        return f"{self.message} (code {self.code})"

    @property
    def busy(self) -> bool:
        """Tell whether it is a rate limit rather than a fault of the question."""
        text = self.message.lower()
        return self.code in (429, -32029) or any(
            words in text
            for words in (
                "rate limit",
                "too many requests",
                "request count exceeded",
                "requests per second",
                "compute units",
                "throughput",
                "capacity exceeded",
            )
        )


class Rpc:
    """Asks one node. Close it from any thread to end every question at once."""

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 20.0,
        concurrency: int = 3,
        batch: int = 100,
        max_response_bytes: int = 64 * 1024 * 1024,
        waiting: Waiting = lambda _message, _seconds: None,
    ) -> None:
        self._url = url
        self._batch = max(1, batch)
        self._waiting = waiting
        self._stopped = threading.Event()
        self._not_before = 0.0
        self._transport = Transport(
            url, timeout=timeout, connections=concurrency, max_response_bytes=max_response_bytes
        )
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="rpc")

    def close(self) -> None:
        """End every connection, wake every wait."""
        self._stopped.set()
        self._transport.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def ask(self, questions: Sequence[Question]) -> list[Any]:
        """Ask questions in batches, several at the same time; return a result or an ``RpcError`` for each.

        A batch whose answer is too large is asked in halves. Raises ``NodeTrouble`` of one kind or
        another where there is no answer.
        """
        size = self._batch
        parts = [questions[start : start + size] for start in range(0, len(questions), size)]
        if len(parts) == 1:
            return self._ask_batch(parts[0])
        return [answer for answers in self._threads.map(self._ask_batch, parts) for answer in answers]

    def ask_together(self, questions: Sequence[Question]) -> list[Any]:
        """Ask questions in one batch; raises ``TooMuch`` where its answer is too large."""
        return self._answered(questions)

    def ask_one(self, method: str, *parameters: Any) -> Any:
        """Ask one question; return its result or an ``RpcError``."""
        return self._ask_batch([(method, parameters)])[0]

    def _ask_batch(self, questions: Sequence[Question]) -> list[Any]:
        try:
            return self._answered(questions)
        except TooMuch:
            if len(questions) == 1:
                raise
            return self._ask_halves(questions)

    def _ask_halves(self, questions: Sequence[Question]) -> list[Any]:
        self._batch = max(1, min(self._batch, len(questions)) // 2)
        middle = len(questions) // 2
        return self._ask_batch(questions[:middle]) + self._ask_batch(questions[middle:])

    def _answered(self, questions: Sequence[Question]) -> list[Any]:
        calls = [
            {"jsonrpc": "2.0", "id": number, "method": method, "params": list(parameters)}
            for number, (method, parameters) in enumerate(questions, 1)
        ]
        content = self._posted(orjson.dumps(calls if len(calls) > 1 else calls[0]))
        if len(calls) > 1 and isinstance(content, dict):
            # One object for a batch: the node takes none, or none of this size.
            return self._ask_halves(questions)
        return self._in_order(content if isinstance(content, list) else [content], len(calls))

    def _in_order(self, objects: Sequence[Any], count: int) -> list[Any]:
        answers: dict[int, Any] = {}
        for answer in objects:
            number = answer.get("id") if isinstance(answer, dict) else None
            if count == 1 and number is None and isinstance(answer, dict) and "error" in answer:
                number = 1  # the specification's id for a question that could not be read
            if not isinstance(number, int) or not 1 <= number <= count or number in answers:
                raise NodeNonsense("The node's answer does not belong to the question.")
            answers[number] = self._result(answer)
        if len(answers) != count:
            raise NodeNonsense(f"The node answered {len(answers)} of {count} questions.")
        return [answers[number] for number in range(1, count + 1)]

    def _result(self, answer: dict[str, Any]) -> Any:
        error = answer.get("error")
        if error is None:
            if "result" not in answer:
                raise NodeNonsense("The node's answer holds neither a result nor an error.")
            return answer["result"]
        if not isinstance(error, dict):
            return RpcError(0, self._shown(str(error)))
        code = error.get("code")
        return RpcError(code if isinstance(code, int) else 0, self._shown(str(error.get("message", ""))))

    def _posted(self, body: bytes) -> Any:
        """Post and parse, waiting and asking again a few times where the node says so."""
        for attempt in range(1, ATTEMPTS + 1):
            self._wait_for_turn()
            try:
                return self._parsed(self._transport.post(body))
            except NodeBusy as error:
                if attempt == ATTEMPTS or self._stopped.is_set():
                    raise
                seconds = error.seconds if error.seconds is not None else 0.25 * 2**attempt
                self._not_before = max(self._not_before, time.monotonic() + seconds)
                self._waiting(error.message, seconds)
        raise AssertionError("unreachable")

    def _wait_for_turn(self) -> None:
        while (seconds := self._not_before - time.monotonic()) > 0:
            if self._stopped.wait(min(seconds, LONGEST_WAIT)):
                break
        if self._stopped.is_set():
            raise NodeUnreachable("The node is not asked any more: following stops.")

    def _parsed(self, answer: Answer) -> Any:
        seconds = retry_after(answer.headers.get("retry-after"))
        if answer.status == 429 or (answer.status >= 500 and (seconds is not None or answer.status == 503)):
            raise NodeBusy(f"The node answers {answer.status} and asks to wait.", seconds=seconds)
        if answer.status in (408, 413, 504):
            raise TooMuch(f"The node answers {answer.status}: the question is too large for it.")
        try:
            with COMPUTING:
                content = orjson.loads(answer.body)
        except orjson.JSONDecodeError as error:
            raise self._trouble(answer) from error
        if not isinstance(content, list | dict) or (answer.status != 200 and not _is_rpc(content)):
            raise self._trouble(answer)
        for part in content if isinstance(content, list) else [content]:
            if isinstance(part, dict) and part.get("error") is not None:
                told = self._result(part)
                if told.busy:
                    raise NodeBusy(f"The node limits its rate: {told}.", seconds=seconds)
        return content

    def _trouble(self, answer: Answer) -> NodeTrouble:
        if answer.status >= 500:
            return NodeBusy(f"The node answers {answer.status}.", seconds=None)
        if answer.status != 200:
            return NodeRefused(
                f"The node answers {answer.status}.", hint="Is the RPC URL, with its key, still right?"
            )
        return NodeNonsense("The node's answer is not JSON.", hint="Is the RPC URL that of a node?")

    def _shown(self, text: str) -> str:
        return without_secrets(text[:300], self._url)


def _is_rpc(content: Any) -> bool:
    return isinstance(content, list) or "error" in content or "result" in content


def retry_after(value: str | None) -> float | None:
    """Read a Retry-After header: seconds or a date (RFC 9110, section 10.2.3); None where it says nothing."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), LONGEST_WAIT)
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return min(max(0.0, (date - datetime.now(tz=date.tzinfo or UTC)).total_seconds()), LONGEST_WAIT)
