"""How the constants do on measurements that they were not fitted to.

    by table      each table of measurements is left out in turn: what is new is a table
    by row        a fifth of all rows, drawn at random, is left out in turn: what is new are rows of known tables
    disturbed     either of them once more, with every prior first moved up or down by a third (a factor of e^0.3, which
                  way is drawn at random) and pulling a tenth as hard: the priors were written by people who had seen
                  some of the tables, and this shows how much rests on that

Everything that is fitted is fitted again without what is left out: the constants, and the widths of the ranges. What is
not fitted (equations, bytes of number formats, data sheets, the constants that `fitting.KEPT` names) stays.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from statistics import fmean
from typing import Any

import fitting
import measured
from fitting import Case, Errors, Problem

from advisor.base.quantiles import Z90

FOLDS = 5
DISTURBANCE = 0.3


@dataclass(frozen=True)
class HeldOut:
    """What was missed: signed errors by kind, group and row, and the share of outcomes inside P10-P90 by kind."""

    errors: Errors
    coverage: dict[str, float]


def by_table(known: Sequence[Case]) -> Iterator[set[str]]:
    """The rows of each table."""
    for group in dict.fromkeys(case.row.group for case in known):
        yield {case.row.id for case in known if case.row.group == group}


def by_row(known: Sequence[Case], seed: int = 0) -> Iterator[set[str]]:
    """Fifths of the rows, drawn at random."""
    ids = sorted({case.row.id for case in known})
    random.Random(seed).shuffle(ids)
    for place in range(FOLDS):
        yield set(ids[place::FOLDS])


def disturbed(problem: Problem, seed: int) -> Problem:
    """The problem with other priors, which pull a tenth as hard."""
    prior, names = problem.prior(), fitting.names_of(problem.type)
    draw = random.Random(seed)
    logs = [value + draw.choice((-DISTURBANCE, DISTURBANCE)) for value in fitting.vector(prior, names)]
    return replace(problem, pull=problem.pull / 10, given=fitting.filled(prior, names, logs))


def held_out(problem: Problem, known: Sequence[Case], folds: Iterator[set[str]], rounds: int = 1) -> HeldOut:
    """Every fold predicted with constants and ranges that were fitted without it."""
    errors: Errors = {}
    inside: dict[str, list[float]] = {}
    for fold in folds:
        rest = [case for case in known if case.row.id not in fold]
        constants = fitting.fit(problem, rest, rounds=rounds)
        constants = fitting.with_ranges(problem, constants, rest)
        for case in known:
            if case.row.id not in fold:
                continue
            off = measured.error(case.kind, problem.predict(case, constants), *case.row.result(case.kind))
            errors.setdefault(case.kind, {}).setdefault(case.row.group, {})[case.row.id] = off
            inside.setdefault(case.kind, []).append(_inside(case, off, constants))
    return HeldOut(errors, {kind: fmean(found) for kind, found in inside.items()})


def _inside(case: Case, off: float, constants: Any) -> float:
    """Whether the outcome lies in P10-P90: 1 or 0."""
    size = abs(log(max(1 + off, exp(-5)))) if case.kind == "memory" else abs(off)
    return float(size <= Z90 * fitting.log_sd_of(case, constants) * fitting.widening(case))
