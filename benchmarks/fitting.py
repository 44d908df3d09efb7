"""Fit the constants of pricing/data/fitted to published measurements.

The fit minimises the error that the benchmark reports (mean over tables of the mean |error|, one error at most 1) plus
pull * sum of (ln(constant / prior) / SPREAD)^2: a constant leaves its prior only when several tables agree that it
should. Constants that no table speaks of stay at their priors. The pull is the weakest at which tables that were left
out are predicted about as well as those that were not. Search: Powell's method (scipy.optimize), which needs no
gradient.

`validation.py` judges the constants on measurements that they were not fitted to.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from math import exp
from statistics import fmean
from typing import Any

import measured
import numpy as np
from measured import Row
from scipy.optimize import minimize

import pricing.activations
import pricing.memory
from advisor.base.quantiles import Z90
from pricing.catalogue import load_catalogue
from pricing.estimates import serving_widening
from pricing.fitted import FOLDER, MEMORY, SPEED, FittedFile, InferenceConstants, MemoryConstants, SpeedConstants
from pricing.inference import speeds
from pricing.memory import memory_components
from pricing.rows import read_training
from pricing.servingrows import read_serving
from pricing.speed import training_tokens_per_s
from pricing.training import memory_log_sd, speed_log_sd

SPREAD = 0.35
FAMILIES = ("eager", "compiled", "server", "layerwise")
KEPT = {
    "cpu_runtime_gib",
    "cpu_heap_share",
    "cpu_adapter_share",
    "cpu_launch_s",
    "fp32_share",
    "offload_gb_s",
    "plain_attention_share",
    "half_accumulation",
}
"""Constants that these measurements hardly speak of."""


@dataclass(frozen=True)
class Case:
    """One figure of one row, with the row already read."""

    row: Row
    kind: str
    read: Any


@dataclass(frozen=True)
class Problem:
    """What is fitted: a file of constants, and how to predict a case with such constants."""

    name: str
    type: Any
    kinds: tuple[str, ...]
    pull: float
    predict: Callable[[Case, Any], float]
    given: Any = None
    """Priors to use in place of the file's."""

    @property
    def path(self) -> Any:
        return FOLDER / f"{self.name}.yaml"

    def prior(self) -> Any:
        if self.given is not None:
            return self.given
        from advisor.base.yamlfile import load_model

        return load_model(self.path, FittedFile[self.type]).prior


def predict_memory(case: Case, constants: MemoryConstants) -> float:
    """The account reads its constants from its module."""
    pricing.memory.MEMORY = pricing.activations.MEMORY = constants  # type: ignore[attr-defined]
    return sum(part.gib for part in memory_components(case.read.setup))


def predict_speed(case: Case, constants: SpeedConstants) -> float:
    return training_tokens_per_s(case.read.setup, constants) or 1.0


def predict_inference(case: Case, constants: InferenceConstants) -> float:
    found = speeds(case.read.setup, constants)
    if case.kind == "prefill":
        return found.prefill_tokens_per_s
    return 1 / found.step_s if case.read.decode_only else found.output_tokens_per_s


PROBLEMS = (
    Problem("memory", MemoryConstants, ("memory",), 0.02, predict_memory),
    Problem("training_speed", SpeedConstants, ("training_speed",), 0.01, predict_speed),
    Problem("inference", InferenceConstants, ("decode", "prefill", "serving"), 0.08, predict_inference),
)


def cases(rows: Sequence[Row], kinds: Sequence[str]) -> list[Case]:
    """Every figure of those kinds."""
    catalogue = load_catalogue()
    found = []
    for row in rows:
        for kind in row.raw["scored"]:
            if kind in kinds:
                read = (read_training if row.kind == "training" else read_serving)(row.setup, catalogue)
                found.append(Case(row, kind, read))
    return found


def names_of(kind: Any) -> list[tuple[str | None, str]]:
    """(family, name) of each constant that is fitted."""
    found: list[tuple[str | None, str]] = []
    for field in fields(kind):
        if field.name in FAMILIES:
            from pricing.engines import EngineConstants

            found += [(field.name, inner.name) for inner in fields(EngineConstants)]
        elif not field.name.startswith("log_sd") and field.name not in KEPT:
            found.append((None, field.name))
    return found


def vector(constants: Any, names: Sequence[tuple[str | None, str]]) -> np.ndarray:
    """ln of the constants."""
    return np.log([getattr(getattr(constants, f) if f else constants, n) for f, n in names])


def filled(prior: Any, names: Sequence[tuple[str | None, str]], logs: Sequence[float]) -> Any:
    """The constants with those logarithms, rounded to three digits; shares of a peak at most 1."""
    flat: dict[str, float] = {}
    inner: dict[str, dict[str, float]] = {}
    for (family, name), value in zip(names, logs, strict=True):
        number = float(f"{exp(value):.3g}")
        if name in ("bandwidth_share", "arithmetic_share", "best_share"):
            number = min(number, 0.95)
        (inner.setdefault(family, {}) if family else flat)[name] = number
    families = {name: replace(getattr(prior, name), **values) for name, values in inner.items()}
    return replace(prior, **flat, **families)


Errors = dict[str, dict[str, dict[str, float]]]
"""Signed errors by kind, group and row."""


def errors(problem: Problem, known: Sequence[Case], constants: Any) -> Errors:
    """What these constants miss."""
    found: Errors = {}
    for case in known:
        value = problem.predict(case, constants)
        off = measured.error(case.kind, value, *case.row.result(case.kind))
        found.setdefault(case.kind, {}).setdefault(case.row.group, {})[case.row.id] = off
    return found


def as_lists(groups: Mapping[str, Mapping[str, float]]) -> dict[str, list[float]]:
    """Errors by group, without the rows' ids."""
    return {name: list(found.values()) for name, found in groups.items()}


def fit(problem: Problem, known: Sequence[Case], rounds: int = 2) -> Any:
    """The constants for these cases."""
    prior = problem.prior()
    names = names_of(problem.type)
    start = vector(prior, names)

    def loss(logs: np.ndarray) -> float:
        found = errors(problem, known, filled(prior, names, list(logs)))
        misfit = sum(_misfit(kind, as_lists(groups)) for kind, groups in found.items())
        return misfit + problem.pull * float(np.sum(((logs - start) / SPREAD) ** 2))

    bounds = [(value - 1.0, value + 1.0) for value in start]
    options = {"maxiter": rounds, "xtol": 0.03, "ftol": 0.002}
    best = minimize(loss, start, method="Powell", bounds=bounds, options=options)
    return filled(prior, names, list(best.x))


def _misfit(kind: str, groups: Mapping[str, Sequence[float]]) -> float:
    """Mean over groups of the mean error; memory also counts every row alike, as its headline does."""
    per_group = fmean(fmean(min(abs(e), 1.0) for e in found) for found in groups.values())
    if kind != "memory":
        return per_group
    return 3 * (per_group + fmean(abs(e) for found in groups.values() for e in found)) / 2


def with_ranges(problem: Problem, constants: Any, known: Sequence[Case]) -> Any:
    """The constants with ranges that hold about five of six outcomes."""
    found = errors(problem, known, constants)
    if problem.name == "memory":
        return replace(constants, log_sd=spread_for(found["memory"], known))
    if problem.name == "training_speed":
        one = [case for case in known if case.read.setup.n_gpus == 1]
        more = [case for case in known if case.read.setup.n_gpus > 1]
        speed = found["training_speed"]
        return replace(constants, log_sd=spread_for(speed, one), log_sd_many_devices=spread_for(speed, more))
    of_kind = {kind: [case for case in known if case.kind == kind] for kind in problem.kinds}
    return replace(
        constants,
        log_sd_single=spread_for(found["decode"], of_kind["decode"]),
        log_sd_prefill=spread_for(found["prefill"], of_kind["prefill"]),
        log_sd_many=spread_for(found["serving"], of_kind["serving"]),
    )


def log_sd_of(case: Case, constants: Any) -> float:
    """The standard deviation of ln(measured) that the constants state for a case, before it is widened."""
    if case.kind == "training_speed" and case.read.setup.n_gpus > 1:
        return float(constants.log_sd_many_devices)
    name = {"decode": "log_sd_single", "prefill": "log_sd_prefill", "serving": "log_sd_many"}.get(case.kind, "log_sd")
    return float(getattr(constants, name))


def spread_for(groups: Mapping[str, Mapping[str, float]], known: Sequence[Case], share: float = 0.84) -> float:
    """The standard deviation whose P10-P90 holds that share of the errors, each divided by how much its row is widened.

    The errors are those of the fitted constants: few constants beside many rows explain little by chance.
    """
    wide = {case.row.id: widening(case) for case in known}
    sizes = sorted(abs(e) / wide[row] for found in groups.values() for row, e in found.items() if row in wide)
    return float(f"{max(sizes[int(share * (len(sizes) - 1))] / Z90, 0.01):.2g}")


def widening(case: Case) -> float:
    """How much wider than usual the product makes the range of this row."""
    if case.row.kind == "training":
        setup, assumed = case.read.setup, case.read.assumed
        if case.kind == "memory":
            return memory_log_sd(setup, assumed) / MEMORY.log_sd
        return speed_log_sd(setup, assumed) / (SPEED.log_sd_many_devices if setup.n_gpus > 1 else SPEED.log_sd)
    return serving_widening(case.read)


def write(problem: Problem, constants: Any, rows: int, today: str) -> None:
    """Write the file again: how, prior as it was, constants as fitted."""
    how = (
        "benchmarks/fitting.py on benchmarks/data/figures: mean over tables of the mean error, pulled towards the "
        "prior; log_sd so that P10 to P90 holds 84 % of the rows"
    )
    text = f"v: 1\nhow: {how!r}\nfitted: {today}\nrows: {rows}\n"
    text += f"prior:\n{_body(problem.prior())}constants:\n{_body(constants)}"
    problem.path.write_text(text, encoding="utf-8")


def _body(constants: Any) -> str:
    lines = []
    for field in fields(constants):
        value = getattr(constants, field.name)
        if field.name in FAMILIES:
            inner = ", ".join(f"{f.name}: {_number(getattr(value, f.name))}" for f in fields(value))
            lines.append(f"  {field.name}: {{{inner}}}\n")
        else:
            lines.append(f"  {field.name}: {_number(value)}\n")
    return "".join(lines)


def _number(value: float) -> str:
    text = f"{value:.9f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


__all__ = ["PROBLEMS", "Case", "as_lists", "cases", "errors", "fit", "log_sd_of", "spread_for", "with_ranges", "write"]
