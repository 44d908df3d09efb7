"""Answers written by a teacher model over an OpenAI-compatible endpoint: budgeted, resumable, marked machine-made.

Each answer is on disk as soon as it is there, with what it cost; run again, answered prompts are not paid twice. A
request whose fate is unknown (a dropped connection, a timeout, a crash of ours) counts as paid in full.
"""

from __future__ import annotations

import os
import random
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError, UsageError, require
from advisor.base.files import append_line, read_jsonl
from trainers.data.collect.budget import Budget, Price
from trainers.data.conversation import Message
from trainers.data.findings import Problem
from trainers.data.lines import Parsed
from trainers.data.outputs import Wanted
from trainers.data.source import open_source
from trainers.data.tools import definitions

_RETRIES = 5
_LONGEST_PAUSE_S = 60.0
_FAILURES_IN_A_ROW = 5
_TIMEOUT_S = 120.0
_FIXES = {"has_tools": "leave such rows out; answers that call tools come from logs: advisor data collect --logs FILE"}
_PROMPT_COLUMNS = ("messages", "prompt", "question", "instruction", "text", "input", "query")

Pause = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing to ask the teacher."""

    line: int
    id: str
    messages: Sequence[Message]
    group: str | None = None


@dataclass(frozen=True, slots=True)
class TeacherRequest:
    """Whom to ask, how, and for how much."""

    file: str
    out: Path
    base_url: str
    model: str
    price: Price
    budget_usd: float
    max_tokens: int = 512
    temperature: float = 0.0
    column: str | None = None
    system: str | None = None
    key_variable: str | None = None
    """The environment variable that holds the key; local servers want none."""
    parallel: int = 4
    limit: int | None = None
    wanted: Wanted = field(default_factory=Wanted)
    """Answers that do not look like this are kept apart."""
    timeout_s: float = _TIMEOUT_S


@dataclass(slots=True)
class Tally:
    """What became of the prompts."""

    prompts: int = 0
    already: int = 0
    answered: int = 0
    invalid: int = 0
    failed: int = 0
    left: int = 0
    """Not asked: the budget is used up, or the server failed too often."""
    spent_usd: float = 0.0
    """In all runs on this output together."""
    stopped: str | None = None


def read_prompts(file: str, column: str | None, system: str | None) -> Iterator[tuple[int, Prompt | Problem]]:
    """The prompts of a file: chat messages without their last answer, or a column of text."""
    for line, value in open_source(file).rows():
        yield line, _prompt(line, value, column, system)


def _prompt(line: int, value: Parsed, column: str | None, system: str | None) -> Prompt | Problem:
    if isinstance(value, Problem):
        return value
    name = column or next((name for name in _PROMPT_COLUMNS if value.get(name)), None)
    found = value.get(name) if name else None
    if isinstance(found, str) and found.strip():
        messages: list[Message] = [{"role": "user", "content": found}]
    elif isinstance(found, list) and found and all(isinstance(m, dict) and m.get("role") for m in found):
        messages = [{"role": m["role"], "content": m.get("content") or ""} for m in found]
        while messages and messages[-1]["role"] == "assistant":
            messages.pop()
    else:
        return Problem("no_prompt", f"no prompt in column {name!r}" if name else "no column that holds a prompt")
    if definitions(value.get("tools")):
        return Problem("has_tools", "this prompt defines tools, and a teacher is asked for text only")
    if not any(m["role"] == "user" for m in messages):
        return Problem("no_prompt", "nobody asks anything")
    if system and messages[0]["role"] != "system":
        messages.insert(0, {"role": "system", "content": system})
    identity = value.get("id")
    group = value.get("group")
    return Prompt(
        line, str(identity) if identity is not None else f"line-{line}", messages, str(group) if group else None
    )


def distil(
    request: TeacherRequest, *, pause: Pause = time.sleep, progress: Callable[[Tally], None] | None = None
) -> Tally:
    """Ask the teacher for each prompt that has no answer yet; rows go to `request.out`.

    Beside it stand `<name>.spent.jsonl` (every request with its cost) and `<name>.invalid.jsonl`. Raises `UsageError`
    when the server refuses the key or does not know the model.
    """
    prompts = list(_usable(request))
    done, spent = _answered(request.out), _spent(request.out)
    waiting = [prompt for prompt in prompts if prompt.id not in done]
    tally = Tally(prompts=len(prompts), already=len(prompts) - len(waiting), spent_usd=spent)
    if waiting:
        _ask_all(request, waiting, Budget(request.budget_usd, spent), tally, pause, progress)
    return tally


def _usable(request: TeacherRequest) -> Iterator[Prompt]:
    seen: set[str] = set()
    for line, prompt in read_prompts(request.file, request.column, request.system):
        if isinstance(prompt, Problem):
            fix = _FIXES.get(prompt.code, "name the column: --map prompt=COLUMN")
            raise InvalidDataError(prompt.text, where=f"{request.file}:{line}", fix=fix)
        if prompt.id in seen:
            raise InvalidDataError(f"the id {prompt.id!r} is there twice", where=f"{request.file}:{line}")
        seen.add(prompt.id)
        yield prompt
        if request.limit is not None and len(seen) >= request.limit:
            return


def _answered(out: Path) -> set[str]:
    """Ids of prompts that have an answer, valid or not."""
    paths = (path for path in (out, beside(out, ".invalid.jsonl")) if path.exists())
    return {str(row["id"]) for path in paths for _, row in read_jsonl(path, forgive_last=True) if "id" in row}


def _spent(out: Path) -> float:
    """US dollars of all runs so far; what was set aside for a request that never came back counts as spent."""
    path = beside(out, ".spent.jsonl")
    total, pending = 0.0, dict[str, float]()
    for _, row in read_jsonl(path, forgive_last=True) if path.exists() else ():
        if "held_usd" in row:
            pending[row["id"]] = float(row["held_usd"])
        else:
            pending.pop(row["id"], None)
            total += float(row["usd"])
    return total + sum(pending.values())


def beside(out: Path, ending: str) -> Path:
    """`data/distilled.jsonl` -> `data/distilled.spent.jsonl`."""
    return out.with_name(out.name.removesuffix(".jsonl") + ending)


@dataclass(frozen=True, slots=True)
class _Reply:
    """What came of one prompt. `usd` is what it cost, all attempts together."""

    prompt: Prompt
    usd: float
    answer: str | None = None
    fault: str | None = None
    cut: bool = False


def _ask_all(
    request: TeacherRequest,
    waiting: Sequence[Prompt],
    budget: Budget,
    tally: Tally,
    pause: Pause,
    progress: Callable[[Tally], None] | None,
) -> None:
    teacher = _Teacher(request, budget, pause)
    queue = deque(waiting)
    in_a_row = 0
    running: dict[Future[_Reply], Prompt] = {}
    with ThreadPoolExecutor(request.parallel) as pool:
        try:
            while True:
                running |= _start(queue, teacher, pool, len(running), tally)
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    del running[future]
                    reply = future.result()
                    _keep(request, teacher, reply, tally)
                    in_a_row = in_a_row + 1 if reply.answer is None else 0
                    if in_a_row >= _FAILURES_IN_A_ROW:
                        tally.stopped = f"{in_a_row} prompts in a row failed, the last: {reply.fault}"
                tally.spent_usd = budget.spent_usd
                if progress:
                    progress(tally)
        finally:
            _wind_up(request, teacher, running, tally)
    tally.left = tally.prompts - tally.already - tally.answered - tally.invalid - tally.failed


def _wind_up(request: TeacherRequest, teacher: _Teacher, running: dict[Future[_Reply], Prompt], tally: Tally) -> None:
    """When it ends early: what was not sent costs nothing, and what comes back was paid for and is kept."""
    teacher.stop = True
    for future, prompt in running.items():
        if future.cancel():
            teacher.note_spent(_Reply(prompt, 0.0, fault="not sent"))
        elif future.exception() is None:
            _keep(request, teacher, future.result(), tally)


def _start(
    queue: deque[Prompt], teacher: _Teacher, pool: ThreadPoolExecutor, under_way: int, tally: Tally
) -> dict[Future[_Reply], Prompt]:
    """Send off prompts while there is room and money. Without money, wait for what is under way to be settled."""
    started: dict[Future[_Reply], Prompt] = {}
    while queue and tally.stopped is None and under_way + len(started) < teacher.parallel:
        if not teacher.hold(queue[0]):
            if not under_way and not started:
                tally.stopped = "the budget is used up"
            break
        prompt = queue.popleft()
        started[pool.submit(teacher.ask, prompt)] = prompt
    return started


def _keep(request: TeacherRequest, teacher: _Teacher, reply: _Reply, tally: Tally) -> None:
    """Put the answer and its cost on disk."""
    teacher.note_spent(reply)
    if reply.answer is None:
        tally.failed += 1
        return
    problem = Problem("answer_cut", "cut off at the token limit") if reply.cut else request.wanted.problem(reply.answer)
    row: dict[str, Any] = {"id": reply.prompt.id}
    if reply.prompt.group:
        row["group"] = reply.prompt.group
    row["messages"] = [*reply.prompt.messages, {"role": "assistant", "content": reply.answer}]
    row["metadata"] = {"origin": "machine", "source": "teacher", "teacher": request.model}
    if problem is not None:
        tally.invalid += 1
        append_line(beside(request.out, ".invalid.jsonl"), row | {"reason": problem.text})
    else:
        tally.answered += 1
        append_line(request.out, row)


class _Teacher:
    """The endpoint, asked patiently."""

    def __init__(self, request: TeacherRequest, budget: Budget, pause: Pause) -> None:
        require("openai", "api")
        import openai

        self._openai = openai
        self._request = request
        self._budget = budget
        self._pause = pause
        self.stop = False
        """Set when nobody waits for the answers any more: no further attempt is made."""
        # Repeating is ours, because every attempt must fit the budget.
        self._client = openai.OpenAI(
            base_url=request.base_url, api_key=_key(request), max_retries=0, timeout=request.timeout_s
        )

    @property
    def parallel(self) -> int:
        return self._request.parallel

    def _dearest(self, prompt: Prompt) -> float:
        text = "".join(str(m["content"]) for m in prompt.messages)
        return self._request.price.dearest(text, self._request.max_tokens)

    def hold(self, prompt: Prompt) -> bool:
        """Set aside, in memory and on disk, what the first attempt may cost; False when there is not enough left."""
        usd = self._dearest(prompt)
        if not self._budget.hold(usd):
            return False
        self._note({"id": prompt.id, "held_usd": round(usd, 8)})
        return True

    def ask(self, prompt: Prompt) -> _Reply:
        """The answer, or the fault of the last attempt. The first attempt is paid for by `hold`."""
        dearest = self._dearest(prompt)
        paid, fault = 0.0, ""
        for attempt in range(_RETRIES):
            if attempt and (self.stop or not self._budget.hold(dearest)):
                return _Reply(prompt, paid, fault=f"{fault}; no other attempt {'was made' if self.stop else 'is paid'}")
            try:
                usd, outcome, pause_s = self._attempt(prompt, dearest)
            except UsageError:
                # Turned away at the door: this attempt costs nothing.
                self._note({"id": prompt.id, "usd": round(paid, 8)})
                raise
            self._budget.settle(dearest, usd)
            paid += usd
            if isinstance(outcome, tuple):
                return _Reply(prompt, paid, answer=outcome[0], cut=outcome[1])
            fault = outcome
            if pause_s is None:
                break
            if attempt < _RETRIES - 1:
                self._pause(max(pause_s, min(_LONGEST_PAUSE_S, 2.0**attempt * (0.75 + random.random() / 2))))
        return _Reply(prompt, paid, fault=fault)

    def note_spent(self, reply: _Reply) -> None:
        """Put on disk what a prompt cost."""
        self._note(
            {"id": reply.prompt.id, "usd": round(reply.usd, 8)} | ({"fault": reply.fault} if reply.fault else {})
        )

    def _note(self, row: dict[str, Any]) -> None:
        append_line(beside(self._request.out, ".spent.jsonl"), row)

    def _attempt(self, prompt: Prompt, dearest: float) -> tuple[float, tuple[str, bool] | str, float | None]:
        """(cost, (answer, whether it was cut) or a fault, seconds to wait at least before another try or None)."""
        kinds, request = self._openai, self._request
        try:
            made = self._client.chat.completions.create(
                model=request.model,
                messages=list(prompt.messages),
                max_tokens=request.max_tokens,
                temperature=request.temperature,
            )
        except (kinds.AuthenticationError, kinds.PermissionDeniedError, kinds.NotFoundError) as error:
            raise UsageError(
                f"the server refuses: {_first_line(error)}",
                where=request.base_url,
                fix="check --key-env, the model's name and the URL (it usually ends in /v1)",
            ) from None
        except (kinds.RateLimitError, kinds.InternalServerError) as error:
            return 0.0, _first_line(error), _retry_after(error)
        except kinds.APIStatusError as error:
            return 0.0, _first_line(error), None
        except kinds.APIConnectionError as error:
            # Refused at once: nothing was computed. Broken off or too slow: it may be on the bill.
            refused = "Connect" in type(error.__cause__).__name__
            return (0.0 if refused else dearest), _first_line(error), 1.0
        except (kinds.OpenAIError, ValueError, TypeError, AttributeError) as error:
            return dearest, f"the reply cannot be understood: {_first_line(error)}", 1.0
        return self._understood(made, dearest)

    def _understood(self, made: Any, dearest: float) -> tuple[float, tuple[str, bool] | str, float | None]:
        usage = getattr(made, "usage", None)
        tokens = (getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None))
        known = all(isinstance(count, int) and count >= 0 for count in tokens)
        usd = self._request.price.usd(*tokens) if known else dearest  # type: ignore[arg-type]
        choices = getattr(made, "choices", None)
        choice = choices[0] if isinstance(choices, list) and choices else None
        text = getattr(getattr(choice, "message", None), "content", None)
        if not isinstance(text, str) or not text.strip():
            return usd, "the reply holds no answer", 1.0
        return usd, (text, getattr(choice, "finish_reason", None) == "length"), None


def _retry_after(error: Any) -> float:
    """Seconds that the server asks to wait; 1 when it does not say."""
    text = error.response.headers.get("retry-after", "")
    try:
        return min(max(float(text), 0.0), _LONGEST_PAUSE_S)
    except ValueError:
        return 1.0


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _key(request: TeacherRequest) -> str:
    if request.key_variable is None:
        return os.environ.get("OPENAI_API_KEY", "none")
    key = os.environ.get(request.key_variable)
    if not key:
        raise UsageError(f"the environment variable {request.key_variable} is not set", fix="export it and try again")
    return key
