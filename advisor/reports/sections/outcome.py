"""Outcome beside prediction: what runs and evaluations measured, against what was expected of them."""

from collections.abc import Sequence
from typing import Any

from advisor.decision.result import Spread
from advisor.reports.blocks import NOT_APPLICABLE, Block, Cell, Column, Kind, Paragraph, Table
from advisor.reports.context import Context
from advisor.reports.numbers import number, round_significant, show
from advisor.reports.outcomes import Evaluated, Outcome

ORDER = 17
TITLE = "Outcome beside prediction"

_EVALUATIONS = 3


def build(context: Context) -> list[Block]:
    """Nothing until something was measured."""
    blocks: list[Block] = []
    if context.outcomes:
        blocks.append(_predictions(context.outcomes))
    for found in context.evaluations[:_EVALUATIONS]:
        blocks += _evaluation(found)
    left = len(context.evaluations) - _EVALUATIONS
    if left > 0:
        blocks.append(Paragraph(f"{left} older evaluations are in evaluations/.", quiet=True))
    return blocks


def _predictions(found: Sequence[Outcome]) -> Table:
    columns = [
        Column("subject", "What"),
        Column("figure", "Figure"),
        Column("predicted", "Predicted"),
        Column("measured", "Measured"),
        Column("verdict", "Verdict"),
        Column("basis", "Basis", fine_print=True),
        Column("predicted_value", "Predicted, as numbers", Kind.NUMBER, data_only=True),
        Column("measured_value", "Measured, as a number", Kind.NUMBER, data_only=True),
    ]
    rows: list[list[Cell]] = [
        [
            each.subject,
            each.figure,
            show(_rounded(each.predicted, each.kind), each.kind) if each.predicted is not None else NOT_APPLICABLE,
            _measured(each),
            each.verdict,
            each.basis,
            each.predicted,
            each.measured,
        ]
        for each in found
    ]
    return Table("outcomes", "Predicted and measured", columns, rows)


def _measured(each: Outcome) -> str:
    value = number(_three_digits(each.measured, each.kind), each.kind)
    if each.low is None or each.high is None:
        return value
    return f"{value} (95 % interval {number(each.low, each.kind)} to {number(each.high, each.kind)})"


def _rounded(spread: Spread, kind: Kind) -> Spread:
    p10, p50, p90 = (_three_digits(value, kind) for value in (spread.p10, spread.p50, spread.p90))
    return Spread(p10=p10, p50=p50, p90=p90)


def _three_digits(value: float, kind: Kind) -> float:
    """Plain numbers of runs are meant to three digits."""
    return round_significant(value, 3) if kind is Kind.NUMBER and value else value


def _evaluation(found: Evaluated) -> list[Block]:
    name = "".join(c if c.isalnum() else "_" for c in found.name)
    candidates = Table(
        f"evaluation_{name}",
        f"Evaluation {found.name}: {found.metric} on {found.n:,} held-out items",
        [
            Column("candidate", "Candidate"),
            Column("score", "Score", Kind.SHARE),
            Column("low", "95 % interval from", Kind.SHARE),
            Column("high", "to", Kind.SHARE),
            Column("json_valid_share", "Valid JSON", Kind.SHARE),
            Column("latency_p95_ms", "Latency, p95", Kind.MS),
        ],
        [
            [
                candidate,
                _number(scores.get("score")),
                _number(scores.get("low")),
                _number(scores.get("high")),
                _number(scores.get("json_valid_share", scores.get("valid_json_share"))),
                _number(scores.get("latency_p95_ms")),
            ]
            for candidate, scores in found.candidates.items()
        ],
    )
    return [candidates, *_pairs(found, name)]


def _pairs(found: Evaluated, name: str) -> list[Block]:
    if not found.pairs:
        return []
    columns = [
        Column("pair", "Comparison"),
        Column("verdict", "Verdict"),
        Column("difference", "Difference", Kind.POINTS),
        Column("low", "95 % interval from", Kind.POINTS),
        Column("high", "to", Kind.POINTS),
        Column("smallest_detectable", "Smallest detectable", Kind.POINTS),
        Column("p", "p"),
        Column("p_value", "p, as a number", Kind.NUMBER, data_only=True),
    ]
    rows: list[list[Cell]] = [
        [
            f"{pair.get('b')} against {pair.get('a')}",
            str(pair.get("verdict", "")),
            *(_number(pair.get(key)) for key in ("difference", "low", "high", "smallest_detectable")),
            _chance(_number(pair.get("p_adjusted", pair.get("p_value")))),
            _number(pair.get("p_adjusted", pair.get("p_value"))),
        ]
        for pair in found.pairs
    ]
    return [Table(f"evaluation_{name}_pairs", "Paired comparisons on the same items", columns, rows)]


def _chance(p: Cell) -> str:
    """A p-value as papers print it."""
    if not isinstance(p, float):
        return NOT_APPLICABLE
    return "< 0.0001" if p < 0.0001 else number(p, Kind.NUMBER) if p < 0.001 else f"{p:.3f}"


def _number(value: Any) -> float | Spread | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
