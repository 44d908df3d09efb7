"""What was predicted and what came of it: runs against their forecast, evaluations against the decision before them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from advisor.decision.result import Decision, OptionResult, Spread
from advisor.reports.blocks import Kind
from trainers.evaluation.statistics import wilson

if TYPE_CHECKING:
    from pathlib import Path

    from advisor.project import Project


@dataclass(frozen=True, slots=True)
class Outcome:
    """One figure that was predicted and then measured."""

    subject: str
    """The run or the option."""
    figure: str
    kind: Kind
    predicted: Spread | None
    measured: float
    basis: str
    """When and how it was predicted, and on how much it was measured."""
    low: float | None = None
    """95 % confidence interval of the measurement, where it has one."""
    high: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the measurement (or its interval) meets the predicted range."""
        if self.predicted is None:
            return "not predicted"
        low = self.measured if self.low is None else self.low
        high = self.measured if self.high is None else self.high
        if self.predicted.p10 <= self.measured <= self.predicted.p90:
            return "as predicted"
        if high >= self.predicted.p10 and low <= self.predicted.p90:
            return "range met within the error of measuring"
        return "higher than predicted" if self.measured > self.predicted.p90 else "lower than predicted"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One comparison of candidates on held-out items, as its file says."""

    name: str
    metric: str
    n: int
    candidates: Mapping[str, Mapping[str, Any]]
    pairs: list[Mapping[str, Any]]


def outcomes(project: Project, decision: Decision) -> list[Outcome]:
    """Everything that was predicted and measured in a project, decisions first."""
    return [*_options(project, decision), *_runs(project)]


def _options(project: Project, decision: Decision) -> Iterator[Outcome]:
    for row in decision.facts.get("measured.options") or []:
        found = _prediction(project, row)
        label = f"{row['approach']} on {row['model']}" if found is None else found[1].label
        n = int(row["n"])
        basis = f"measured on {n:,} items" + (f"; predicted on {found[0].today.isoformat()}" if found else "")
        low, high = wilson(float(row["quality"]) * n, n) if n > 0 else (0.0, 1.0)
        predicted = found[1].quality if found else None
        yield Outcome(label, "answered well", Kind.SHARE, predicted, float(row["quality"]), basis, low, high)
        if row.get("latency_p95_ms") is not None:
            before = found[1].latency_p95_ms if found else None
            yield Outcome(label, "latency, p95", Kind.MS, before, float(row["latency_p95_ms"]), basis)


def _prediction(project: Project, row: Mapping[str, Any]) -> tuple[Decision, OptionResult] | None:
    """What the latest decision that did not know this measurement expected of the option."""
    from advisor.reports.source import read_decision

    for path in reversed(project.decision_files()):
        decision = read_decision(path)
        if _same(row, decision.facts.get("measured.options") or []):
            continue
        option = _option(decision, row)
        if option is not None:
            return decision, option
    return None


def _key(row: Mapping[str, Any]) -> tuple[Any, Any, str]:
    return row.get("approach"), row.get("model"), row.get("training") or "none"


def _same(row: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> bool:
    return any(_key(other) == _key(row) for other in rows)


def _option(decision: Decision, row: Mapping[str, Any]) -> OptionResult | None:
    """The recommended option if it is the measured one, else the best of the same approach, model and training."""
    candidates = [*([decision.recommended] if decision.recommended else []), *decision.ranked]
    keyed = (option for option in candidates if (option.approach, option.model, option.training or "none") == _key(row))
    return next(keyed, None)


def _runs(project: Project) -> Iterator[Outcome]:
    from trainers.runs.client import list_runs

    for run in list_runs(project.folder):
        predicted, measured = run.spec.predicted, run.result.measured if run.result else None
        if predicted is None or measured is None:
            continue
        # The forecast holds the held-out evaluations as well, which `seconds` leaves out.
        seconds = measured.seconds if measured.wall_seconds is None else measured.wall_seconds
        pairs = (
            ("time of the run, minutes", Kind.NUMBER, predicted.hours, None if seconds is None else seconds / 60, 60.0),
            ("training cost", Kind.USD, predicted.cost_usd, measured.cost_usd, 1.0),
            ("peak memory, GiB", Kind.NUMBER, predicted.peak_memory_gib, measured.peak_memory_gib, 1.0),
            ("training speed, tokens/s", Kind.NUMBER, predicted.tokens_per_s, measured.tokens_per_s, 1.0),
        )
        for figure, kind, expected, value, scale in pairs:
            if value is not None:
                scaled = None if expected is None else _scaled(expected, scale)
                yield Outcome(f"run {run.id}", figure, kind, scaled, value, f"{run.state}; from a {predicted.basis}")


def _scaled(spread: Any, factor: float) -> Spread:
    return Spread(p10=spread.p10 * factor, p50=spread.p50 * factor, p90=spread.p90 * factor)


def evaluations(project: Project) -> list[Evaluated]:
    """The comparisons in evaluations/, the newest first; files of another kind are left out."""
    found = [_evaluated(path, project.evaluations_folder) for path in reversed(project.evaluation_files())]
    return [each for each in found if each is not None]


def _evaluated(path: Path, folder: Path) -> Evaluated | None:
    from advisor.base.files import parse_json, read_text

    raw = parse_json(read_text(path), where=str(path))
    if (
        not isinstance(raw, dict)
        or not isinstance(raw.get("candidates"), dict)
        or not isinstance(raw.get("pairs"), list)
    ):
        return None
    relative = path.relative_to(folder)
    name = relative.parent.as_posix() if len(relative.parts) > 1 else relative.stem
    return Evaluated(name, str(raw.get("metric", "")), int(raw.get("n", 0)), raw["candidates"], raw["pairs"])
