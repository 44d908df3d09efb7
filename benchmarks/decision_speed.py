"""How long a decision takes: warm, after one more answer, and as a whole process; printed beside the limits.

    python -m benchmarks.decision_speed

CPU seconds stand beside wall seconds: on a machine that others use only the former can be compared.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from advisor.answers import Answer, Answers
from advisor.decision.engine import decide
from advisor.decision.study import build_study
from pricing.catalogue import load_catalogue
from rules.load import load_rules

DAY = date(2026, 11, 24)
REPEATS = 7
OPEN_CASE = {
    "task.kind": "classification",
    "knowledge.source": "none",
    "data.labelled_examples": 800,
    "traffic.requests_per_month": 80_000,
    "finance.horizon_months": 36,
    "limits.must_self_host": False,
    "limits.frontier_allowed": True,
    "current.approach": "none",
}
"""Some 500 options pass the gates and are valued."""
EXAMPLE = Path(__file__).parents[1] / "examples" / "support-desk.yaml"


def best_of(call: Callable[[], object]) -> tuple[float, float]:
    """(wall, CPU) seconds of the fastest of a few calls, after one to warm up."""
    call()
    times = []
    for _ in range(REPEATS):
        wall, busy = time.perf_counter(), time.process_time()
        call()
        times.append((time.perf_counter() - wall, time.process_time() - busy))
    return min(wall for wall, _ in times), min(busy for _, busy in times)


def row(what: str, wall: float, busy: float, limit_s: float) -> None:
    print(f"{what:64} {wall * 1000:8.0f} {busy * 1000:8.0f} {limit_s * 1000:8.0f}")


def main() -> None:
    rules, catalogue = load_rules(), load_catalogue()
    given = Answers.from_plain({"v": 1, "facts": OPEN_CASE}, rules.facts)
    decision = decide(given, rules, catalogue, today=DAY, samples=4096, quick=True)
    valued = len(build_study(given, rules, catalogue, DAY, samples=64).outcomes)
    size = f"{valued} options x {decision.samples} samples x {decision.horizon_months} months"
    print(f"{'':64} {'wall ms':>8} {'CPU ms':>8} {'limit ms':>8}")
    warm = best_of(lambda: decide(given, rules, catalogue, today=DAY, samples=4096, quick=True))
    row(f"decision, warm: {size}", *warm, 0.150)
    flip = iter(range(1_000_000))

    def after_one_answer() -> object:
        changed = given.with_("data.test_examples", Answer(100 + next(flip)))
        return decide(changed, rules, catalogue, today=DAY, quick=True)

    row("live panel after one answer (1,024 samples)", *best_of(after_one_answer), 0.050)
    row(
        "decision with all explanations (1,024 samples)",
        *best_of(lambda: decide(given, rules, catalogue, today=DAY)),
        0.5,
    )
    command = [sys.executable, "-m", "advisor", "decide", str(EXAMPLE), "--json", "--today", DAY.isoformat()]
    row("advisor decide FILE --json, whole process", *_process(command), 0.800)


def _process(command: list[str]) -> tuple[float, float]:
    """(wall, CPU) seconds of the fastest of a few runs."""
    import resource

    times = []
    for _ in range(REPEATS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        times.append((time.perf_counter() - wall, busy))
    return min(wall for wall, _ in times), min(busy for _, busy in times)


if __name__ == "__main__":
    main()
