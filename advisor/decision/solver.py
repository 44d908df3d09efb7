"""PuLP models solved with HiGHS, with the solver's own status and gap."""

from __future__ import annotations

import ctypes
import math
import os
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pulp


@dataclass(frozen=True, slots=True)
class Solved:
    """What the solver said. `status` is its word on the solution, `gap` relative (None: not a mixed-integer gap)."""

    found: bool
    solver: str
    status: str
    gap: float | None
    seconds: float
    variables: int
    constraints: int


def solve(problem: pulp.LpProblem, *, seconds: float, gap: float = 0.0) -> Solved:
    """Solve in place; variables then hold their values when `found`.

    PuLP says "Optimal" also after a time limit, so the status is read from `sol_status`.
    """
    import pulp

    _silence_banner()
    started = time.perf_counter()
    problem.solve(pulp.HiGHS(msg=False, timeLimit=seconds, gapRel=gap))
    took = time.perf_counter() - started
    good = (pulp.LpSolutionOptimal, pulp.LpSolutionIntegerFeasible)
    return Solved(
        found=problem.sol_status in good,
        solver="HiGHS",
        status=pulp.LpSolution[problem.sol_status],
        gap=_gap(problem),
        seconds=took,
        variables=problem.numVariables(),
        constraints=problem.numConstraints(),
    )


def _gap(problem: Any) -> float | None:
    model = getattr(problem, "solverModel", None)
    if model is None:
        return None
    gap = float(model.getInfo().mip_gap)
    return gap if math.isfinite(gap) else None


@cache
def _silence_banner() -> None:
    """HiGHS prints a banner to the C standard output when its first instance is made, whatever its options say.

    Standard output carries our data, so that first instance is made with file descriptor 1 pointing nowhere.
    """
    import sys

    import highspy

    if sys.stdout is not None:
        sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        highspy.Highs()
        _flush_c_streams()
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _flush_c_streams() -> None:
    try:
        ctypes.CDLL(None).fflush(None)
    except (OSError, TypeError, AttributeError):
        return  # no C library to ask (Windows): the banner may show once
