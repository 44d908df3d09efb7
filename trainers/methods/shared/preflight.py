"""What every row looks like to the model, and every reason not to start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from trainers.methods.shared.batches import common_prefix
from trainers.methods.shared.examples import Example


class Preflight(BaseModel):
    """Counts over all rows; `refusals` must be empty for a run to start. Lines are 1-based, the first ten."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    tokens: int
    trained_tokens: int
    trained_share: float
    median_tokens: int
    p95_tokens: int
    longest_tokens: int
    shared_tokens: int
    """Tokens that all rows begin with; packed steps compute them once."""
    cut_rows: int
    cut_lines: list[int]
    untrained_rows: int
    untrained_lines: list[int]
    endless_rows: int
    steps: int
    refusals: list[dict[str, Any]]
    warnings: list[str]
    labels: dict[str, dict[str, int]] | None = None
    """question -> answer -> rows, for methods that choose among labels (the 50 most common)."""


def look_at(
    examples: Sequence[Example], *, steps: int, max_tokens: int | None, context_tokens: int | None
) -> Preflight:
    """Count, and refuse what would train on nothing or on halves. `context_tokens` is the model's own limit."""
    lengths = sorted(len(example.tokens) for example in examples)
    tokens, trained = sum(lengths), sum(example.trained_count for example in examples)
    cut = [example.line for example in examples if example.cut]
    untrained = [example.line for example in examples if example.trained_count == 0]
    endless = sum(not example.ends for example in examples)
    limit = context_tokens or 0
    refusals: list[dict[str, Any]] = _hidden_calls(examples)
    if trained == 0:
        refusals.append(
            refusal(
                "all_masked",
                "no token of any row carries loss: the run would train on nothing",
                [
                    "check that the rows have assistant turns with text",
                    "check that the model's chat template renders them",
                ],
            )
        )
    elif untrained:
        refusals.append(
            refusal(
                "untrained_rows",
                f"{len(untrained)} rows have no trained token (lines {_some(untrained)})",
                [
                    "remove these rows or give them an answer",
                    "raise --max-tokens when the answer was cut off",
                ],
            )
        )
    if cut:
        refusals.append(
            refusal(
                "answers_cut",
                f"{len(cut)} answers are cut at {max_tokens} tokens (lines {_some(cut)})",
                [
                    "leave --max-tokens out (the longest row then sets it)",
                    "shorten the prompts",
                    "remove these rows with: advisor data prepare",
                ],
            )
        )
    if limit and lengths[-1] > limit:
        refusals.append(
            refusal(
                "too_long",
                f"the longest row has {lengths[-1]} tokens, the model takes {limit}",
                [
                    "shorten or remove the longest rows",
                    "choose a model with a longer context",
                ],
            )
        )
    if steps < 1:
        refusals.append(refusal("no_steps", "the run would make no step", ["raise --epochs or lower --batch-size"]))
    warnings = []
    if hidden := sum(example.tools_hidden for example in examples):
        warnings.append(f"{hidden} rows define tools that the model's chat template does not write into the prompt")
    if endless:
        warnings.append(f"{endless} rows have no end-of-turn token in the answer: the model would not learn to stop")
    if 0 < steps < 20:
        warnings.append(f"only {steps} steps: too few to learn much")
    return Preflight(
        rows=len(examples),
        tokens=tokens,
        trained_tokens=trained,
        trained_share=round(trained / max(tokens, 1), 4),
        median_tokens=lengths[len(lengths) // 2],
        p95_tokens=lengths[min(len(lengths) - 1, int(len(lengths) * 0.95))],
        longest_tokens=lengths[-1],
        shared_tokens=common_prefix(examples) if examples else 0,
        cut_rows=len(cut),
        cut_lines=cut[:10],
        untrained_rows=len(untrained),
        untrained_lines=untrained[:10],
        endless_rows=endless,
        steps=steps,
        refusals=refusals,
        warnings=warnings,
    )


def _hidden_calls(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Rows whose tool calls the template leaves out, as a reason not to start."""
    hidden = [example.line for example in examples if example.calls_hidden]
    if not hidden:
        return []
    text = f"{len(hidden)} rows call tools, which the model's chat template does not write (lines {_some(hidden)})"
    ways = ["a model whose chat template knows tools", "write the calls as text into the answers"]
    return [refusal("calls_not_shown", text, ways)]


def refusal(code: str, text: str, ways_out: list[str]) -> dict[str, Any]:
    """A reason not to start, with the ways out in the order to try them."""
    return {"code": code, "text": text, "ways_out": ways_out}


def _some(lines: Sequence[int]) -> str:
    return ", ".join(map(str, lines[:5])) + (", ..." if len(lines) > 5 else "")
