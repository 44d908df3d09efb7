"""What the rows look like to the model: real tokenizer, real chat template, in a child process of its own.

Run as `python -m trainers.data.tokens` with a job on stdin (one JSON line of settings, then one row a line); one JSON
object comes back on stdout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from advisor.base.errors import AdvisorError, CouldNotError, InvalidDataError, MissingPartError, UsageError
from trainers.data.conversation import Conversation
from trainers.data.findings import Finding, Severity, Tallies

MOST_ROWS = 50_000
"""Rows looked at; of a larger set a random sample of this size."""
_WASTE = 0.4
_BATCH = 8
_LITTLE_TRAINED = 0.05
_ERRORS = {2: UsageError, 3: InvalidDataError, 4: MissingPartError}


@dataclass(frozen=True, slots=True)
class Tokenised:
    """Counts over the rows that were tokenised; lengths in tokens."""

    model: str
    rows: int
    of_rows: int
    limit: int | None
    histogram: list[tuple[int, int, int]]
    """(from, to, rows): lengths from <= n < to."""
    median: int
    p95: int
    longest: int
    tokens: int
    trained_share: float
    padding_share: float
    """Share of padding in random batches of eight."""
    tallies: Tallies

    def to_json(self) -> dict[str, Any]:
        return {
            "model": self.model, "rows": self.rows, "of_rows": self.of_rows, "limit_tokens": self.limit,
            "histogram": [{"from": a, "to": b, "rows": n} for a, b, n in self.histogram],
            "median_tokens": self.median, "p95_tokens": self.p95, "longest_tokens": self.longest,
            "tokens": self.tokens, "trained_share": self.trained_share, "padding_share": self.padding_share,
        }  # fmt: skip


def tokenise(rows: Iterable[Conversation], *, model: str, max_tokens: int | None, of_rows: int) -> Tokenised:
    """Tokenise the rows in a child process. Raises `AdvisorError` when the model cannot be used."""
    # Messages go to a file: a full pipe that nobody reads would stop the child while we still write to it.
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "trainers.data.tokens"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8",
        )  # fmt: skip
        try:
            output, _ = _feed(child, rows, {"model": model, "max_tokens": max_tokens})
        except BaseException:
            child.kill()
            child.wait()
            raise
        errors.seek(0)
        said = errors.read().decode("utf-8", "replace")
    return _result(output, said, child.returncode, model, of_rows)


def _feed(child: subprocess.Popen[str], rows: Iterable[Conversation], settings: dict[str, Any]) -> tuple[str, str]:
    assert child.stdin is not None
    try:
        child.stdin.write(json.dumps(settings) + "\n")
        for row in rows:
            asked = {"line": row.line, "messages": list(row.messages), "tools": list(row.tools or ())}
            child.stdin.write(json.dumps(asked) + "\n")
    except BrokenPipeError:
        pass
    return child.communicate()


def _result(output: str, errors: str, code: int, model: str, of_rows: int) -> Tokenised:
    try:
        answer = json.loads(output)
    except ValueError:
        last = errors.strip().splitlines()[-1] if errors.strip() else f"exit code {code}"
        raise CouldNotError(f"the rows could not be tokenised: {last}", where=model) from None
    if "error" in answer:
        kind = _ERRORS.get(answer["exit_code"], CouldNotError)
        raise kind(answer["error"], where=answer["where"], fix=answer["fix"])
    tallies = Tallies()
    for code_, lines in answer.pop("lines").items():
        for line, text in lines:
            tallies.add(code_, line, text)
    histogram = [tuple(step) for step in answer.pop("histogram")]
    return Tokenised(model=model, of_rows=of_rows, tallies=tallies, histogram=histogram, **answer)


def token_findings(seen: Tokenised) -> Iterator[Finding]:
    """Findings on lengths, cut answers, trained tokens, ends of turns and padding."""
    some = f" (of {seen.rows:,} looked at)" if seen.rows < seen.of_rows else ""
    tell = seen.tallies.finding
    yield Finding(
        "lengths",
        Severity.INFO,
        seen.rows,
        (),
        f"tokens a row{some}: median {seen.median:,}, 95 % up to {seen.p95:,}, longest {seen.longest:,}; "
        f"{seen.trained_share:.0%} of the tokens carry loss",
        "none needed",
        tuple({"from": a, "to": b, "rows": n} for a, b, n in seen.histogram),
    )
    error, warning = Severity.ERROR, Severity.WARNING
    yield from tell(
        "template_refuses", error, f"{{n}}{some} are refused by the model's chat template",
        "change their roles to what the model knows, or choose another model",
    )  # fmt: skip
    yield from tell(
        "tools_not_shown", warning, f"{{n}}{some} define tools that the model's chat template does not write",
        "take a model whose template knows tools, or put the definitions into the system message",
    )  # fmt: skip
    yield from tell(
        "calls_not_shown", error,
        f"{{n}}{some} call tools, which the model's chat template does not write: nothing of it would be learnt",
        "take a model whose template knows tools, or write the calls as text into the answer",
    )  # fmt: skip
    yield from tell(
        "over_limit", error, f"{{n}}{some} are longer than {seen.limit or 0:,} tokens",
        "shorten or remove them, raise --max-tokens, or take a model with a longer context",
    )  # fmt: skip
    yield from tell(
        "answer_cut", error, f"{{n}}{some} would have their answer cut off at {seen.limit or 0:,} tokens",
        "shorten the prompts or remove these rows",
    )  # fmt: skip
    yield from tell(
        "nothing_trained", error, f"{{n}}{some} have no token that carries loss: nothing would be learnt from them",
        "give them an answer; when it is all rows, the model's chat template does not fit",
    )  # fmt: skip
    endless = seen.tallies.get("no_end_of_turn")
    all_rows = endless is not None and endless.count == seen.rows
    yield from tell(
        "no_end_of_turn", error if all_rows else warning,
        f"{{n}}{some} have no end-of-turn token in what is trained: the model would not learn to stop",
        "use an instruction-tuned model whose chat template closes each turn",
    )  # fmt: skip
    if seen.trained_share < _LITTLE_TRAINED:
        yield Finding(
            "little_trained", warning, seen.rows, (),
            f"only {seen.trained_share:.1%} of the tokens carry loss: most of the training time goes into the prompts",
            "shorten fixed instructions: the tuned model does not need them",
        )  # fmt: skip
    if seen.padding_share > _WASTE:
        yield Finding(
            "padding_waste", warning, seen.rows, (),
            f"{seen.padding_share:.0%} of random batches of {_BATCH} would be padding",
            "train with length grouping (the default of advisor train)",
        )  # fmt: skip


def main() -> int:
    """The child: settings and rows from stdin, counts to stdout."""
    settings = json.loads(sys.stdin.readline())
    rows = (json.loads(line) for line in sys.stdin)
    try:
        answer = _count(rows, _located(settings["model"]), settings["max_tokens"])
    except AdvisorError as error:
        answer = {"error": error.what, "where": error.where, "fix": error.fix, "exit_code": error.exit_code}
    sys.stdout.write(json.dumps(answer))
    return 0


def _located(model: str) -> str:
    """Where the model lies; from here on this process has no torch, which a tokenizer does not need.

    transformers imports torch wherever it can, and that takes five times as long as all the rest. Only a packaged
    model that is converted for the first time wants it before.
    """
    from trainers.models.local import model_location

    location = model_location(model)
    os.environ["TRANSFORMERS_NO_ADVISORY_WARNINGS"] = "1"
    if "torch" not in sys.modules:
        sys.modules["torch"] = None  # type: ignore[assignment]
    return location


def _count(rows: Iterable[dict[str, Any]], model: str, max_tokens: int | None) -> dict[str, Any]:
    from trainers.data.tools import definitions
    from trainers.methods.shared.examples import Example, Row, encode
    from trainers.models.local import load_tokenizer, model_dimensions
    from trainers.models.template import RefusedByTemplateError

    tokenizer = load_tokenizer(model)
    context = model_dimensions(model).get("max_position_embeddings")
    limit = min((n for n in (max_tokens, context) if n), default=None)
    lines: dict[str, list[tuple[int, str]]] = {}
    examples: list[Example] = []
    for value in rows:
        row = Row(value["line"], tuple(value["messages"]), definitions(value["tools"]))
        try:
            example = encode(tokenizer, [row])[0]
        except RefusedByTemplateError as error:
            lines.setdefault("template_refuses", []).append((row.line, error.what))
            continue
        examples.append(example)
        for code in _faults(example, limit):
            lines.setdefault(code, []).append((row.line, f"{len(example.tokens)} tokens"))
    return _summary(examples, limit, lines)


def _faults(example: Any, limit: int | None) -> Iterator[str]:
    if limit and len(example.tokens) > limit:
        yield "answer_cut" if any(example.trained[limit:]) and any(example.trained[:limit]) else "over_limit"
    if example.tools_hidden:
        yield "tools_not_shown"
    if example.calls_hidden:
        yield "calls_not_shown"
    elif example.trained_count == 0:
        yield "nothing_trained"
    elif not example.ends:
        yield "no_end_of_turn"


def _summary(examples: list[Any], limit: int | None, lines: dict[str, list[tuple[int, str]]]) -> dict[str, Any]:
    lengths = [len(example.tokens) for example in examples]
    ordered = sorted(lengths) or [0]
    tokens, trained = sum(lengths), sum(example.trained_count for example in examples)
    batches = [lengths[start : start + _BATCH] for start in range(0, len(lengths), _BATCH)]
    padded = sum(max(batch) * len(batch) for batch in batches)
    return {
        "rows": len(examples) + len(lines.get("template_refuses", [])),
        "limit": limit,
        "histogram": _histogram(ordered),
        "median": ordered[len(ordered) // 2],
        "p95": ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
        "longest": ordered[-1],
        "tokens": tokens,
        "trained_share": round(trained / max(tokens, 1), 4),
        "padding_share": round(1 - tokens / max(padded, 1), 4),
        "lines": lines,
    }


def _histogram(ordered: list[int]) -> list[tuple[int, int, int]]:
    """Doubling steps from 32 tokens on."""
    steps, low, high = [], 0, 32
    while low <= ordered[-1]:
        steps.append((low, high, sum(low <= length < high for length in ordered)))
        low, high = high, high * 2
    return [step for step in steps if step[2]]


if __name__ == "__main__":
    raise SystemExit(main())
