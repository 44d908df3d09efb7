"""A comparison as people read it: a table and one sentence a pair."""

from __future__ import annotations

from collections.abc import Sequence

from trainers.evaluation.compare import Candidate, Comparison, Pair, Verdict
from trainers.evaluation.statistics import Estimate

_UNCHANGED = Verdict.NO_DETECTABLE_CHANGE


def percent(share: float) -> str:
    """A share as people read it: 64.3 %."""
    return f"{share * 100:.1f} %"


def points(share: float) -> str:
    """A difference of shares: +12.5 points."""
    return f"{share * 100:+.1f} points"


def p_words(p: float) -> str:
    """A p-value as it is usually written."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def interval(each: Estimate) -> str:
    """A score with its interval."""
    return f"{percent(each.score)}  ({each.low * 100:.1f} to {each.high * 100:.1f})"


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    """Columns of text, the first left-aligned, the others to the right."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    shown = ["  ".join(_pad(line, widths)) for line in lines]
    return "\n".join([shown[0], "  ".join("-" * width for width in widths), *shown[1:]])


def _pad(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]


def candidates_table(candidates: Sequence[Candidate]) -> str:
    """One line a candidate: the score with its interval, valid JSON, each field."""
    fields = list(candidates[0].fields) if candidates else []
    head = ["candidate", "score (95 % interval)", *(["valid JSON", *fields] if fields else [])]
    rows = []
    for each in candidates:
        valid = [percent(each.json_valid.score)] if each.json_valid is not None else []
        rows.append([each.name, interval(each.score), *valid, *(percent(each.fields[name].score) for name in fields)])
    return table(rows, head)


def pair_sentence(pair: Pair) -> str:
    """The verdict with its numbers."""
    found = pair.difference
    text = (
        f"{pair.b} against {pair.a}: {pair.verdict}; {points(found.difference)}"
        f" (95 % interval {found.low * 100:+.1f} to {found.high * 100:+.1f}), {p_words(pair.p_adjusted)}"
    )
    if pair.verdict is _UNCHANGED and found.smallest_detectable is not None:
        text += f"; only differences above {found.smallest_detectable * 100:.0f} points would show on so many items"
    elif pair.verdict is _UNCHANGED:
        text += "; so few items cannot show any difference"
    if pair.verdict is Verdict.MIXED:
        text += "; " + _mixed(pair)
    if pair.margin is not None:
        word = "shown" if pair.non_inferior else "not shown"
        text += f"; {word} to be at most {pair.margin * 100:g} points worse"
    return text


def _mixed(pair: Pair) -> str:
    better = [part.name for part in pair.parts if part.verdict is Verdict.HELPED]
    worse = [part.name for part in pair.parts if part.verdict is Verdict.HARMED]
    return f"better: {', '.join(better) or 'the total'}; worse: {', '.join(worse) or 'the total'}"


def comparison_text(comparison: Comparison) -> str:
    """Everything for the terminal."""
    grouped = f" in {comparison.groups} groups" if comparison.groups is not None else ""
    lines = [f"{comparison.metric} on {comparison.n} items{grouped}", "", candidates_table(comparison.candidates)]
    if comparison.pairs:
        lines += ["", *(pair_sentence(pair) for pair in comparison.pairs)]
        if len(comparison.pairs) > 1:
            lines.append(f"p-values are adjusted for {len(comparison.pairs)} comparisons (Holm)")
    return "\n".join(lines)
