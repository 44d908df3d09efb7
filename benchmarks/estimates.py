"""Our estimates beside published measurements, beside a plain closed formula and beside other estimators.

    python benchmarks/estimates.py                 errors by figure and table, coverage of P10-P90, what others say
    python benchmarks/estimates.py --left-out      errors of constants fitted without the table, and without the rows,
                                                   that are judged (benchmarks/validation.py says how; takes minutes)
    python benchmarks/estimates.py --fit DATE      fit the constants again and write pricing/data/fitted
    python benchmarks/estimates.py --json FILE     the figures as JSON as well

Errors: memory, the share by which an estimate misses the GB/GiB bracket, mean over rows; speeds, |ln(estimate /
measured)|, mean over tables of a table's median.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import fmean, median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import closed_form
import fitting
import measured
import others
import validation
from measured import Row
from validation import HeldOut

from pricing.batch import estimate_lines
from pricing.catalogue import load_catalogue

TODAY = date(2026, 11, 24)
DRAWS = 3
"""Of other priors."""
CLOSED: dict[str, Callable[[Any], float]] = {
    "memory": closed_form.memory_gib,
    "training_speed": closed_form.training_tokens_per_s,
    "decode": closed_form.decode_tokens_per_s,
    "prefill": closed_form.prefill_tokens_per_s,
    "serving": closed_form.serving_tokens_per_s,
}


def ours(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Estimates by row id, through the batch door."""
    catalogue = load_catalogue()
    found = {}
    for kind, door in (("training", "training"), ("inference", "serving")):
        lines = [json.dumps({**row.setup}) for row in rows if row.kind == kind]
        for line in estimate_lines(lines, door, catalogue, TODAY):
            found[line["id"]] = line
    return found


def report(rows: Sequence[Row]) -> dict[str, Any]:
    """Print and return the whole comparison."""
    started = time.perf_counter()
    estimates = ours(rows)
    seconds = time.perf_counter() - started
    print(f"{len(rows)} rows estimated in {seconds:.2f} s\n")
    summary: dict[str, Any] = {}
    for kind, target in measured.TARGETS.items():
        summary[kind] = _kind(kind, target, rows, estimates)
    summary["out_of_memory"] = _out_of_memory(rows, estimates)
    summary["others"] = _others(rows)
    return summary


def _kind(kind: str, target: float, rows: Sequence[Row], estimates: Mapping[str, Any]) -> dict[str, Any]:
    found, inside = [], []
    for row in rows:
        if kind not in row.raw["scored"]:
            continue
        low, high = row.result(kind)
        value = estimates[row.id][measured.FIELD[kind]]
        found.append((row.group, measured.error(kind, value["p50"], low, high)))
        inside.append((row.group, float(value["p10"] <= high and value["p90"] >= low)))
    groups, cover = measured.by_group(found), measured.by_group(inside)
    closed = measured.headline(kind, _closed(kind, rows))
    error = measured.headline(kind, groups)
    coverage = fmean(x for found_ in cover.values() for x in found_)
    print(f"{kind}: {len(found)} rows, error {error:.3f} (wanted {target}), inside P10-P90 {coverage:.0%} (75-90 %)")
    print(f"    plain closed formula {closed:.3f}")
    for name in sorted(groups):
        sizes = [abs(e) for e in groups[name]]
        print(f"    {name:26} {len(sizes):4}  median {median(sizes):.3f}  bias {median(groups[name]):+.3f}"
              f"  inside {fmean(cover[name]):.0%}")  # fmt: skip
    print()
    return {"rows": len(found), "error": error, "coverage": coverage, "closed_formula": closed}


def _closed(kind: str, rows: Sequence[Row]) -> dict[str, list[float]]:
    known = fitting.cases(rows, (kind,))
    pairs = []
    for case in known:
        value = CLOSED[kind](case.read.setup)
        pairs.append((case.row.group, measured.error(kind, value, *case.row.result(kind))))
    return measured.by_group(pairs)


def _out_of_memory(rows: Sequence[Row], estimates: Mapping[str, Any]) -> dict[str, int]:
    died = [row for row in rows if row.raw.get("oom")]
    wrong = [row.id for row in died if estimates[row.id].get("fits") == "fits"]
    print(f"ran out of memory: {len(died)} rows, called 'fits': {len(wrong)} {wrong or ''}\n")
    return {"rows": len(died), "called_fits": len(wrong)}


def _others(rows: Sequence[Row]) -> dict[str, Any]:
    """Memory errors of other estimators, and ours on the same rows."""
    known = fitting.cases(rows, ("memory",))
    estimates = ours(rows)
    found: dict[str, Any] = {}
    print("memory, beside other estimators (mean error; ours on the same rows)")
    for name, there in others.installed().items():
        if not there:
            print(f"    {name:14} not installed")
            continue
        theirs, same = [], []
        for case in known:
            value = others.ALL[name](case.read.setup)
            if value is not None:
                bracket = case.row.result("memory")
                theirs.append(abs(measured.error("memory", value, *bracket)))
                mine = estimates[case.row.id]["peak_memory_gib"]["p50"]
                same.append(abs(measured.error("memory", mine, *bracket)))
        found[name] = {"rows": len(theirs), "error": fmean(theirs), "ours": fmean(same)}
        print(f"    {name:14} {fmean(theirs):.3f} on {len(theirs)} rows; ours {fmean(same):.3f}")
    return found


def left_out(rows: Sequence[Row], only: str | None) -> dict[str, Any]:
    """What constants miss that were fitted without what is judged, in four ways."""
    found: dict[str, Any] = {}
    for problem in fitting.PROBLEMS:
        if only not in (None, problem.name):
            continue
        known = fitting.cases(rows, problem.kinds)
        other = [validation.disturbed(problem, seed) for seed in range(DRAWS)]
        for name, folds in (("table", validation.by_table), ("row", validation.by_row)):
            as_is = validation.held_out(problem, known, folds(known))
            moved = [validation.held_out(one, known, folds(known)) for one in other]
            for kind in problem.kinds:
                found[f"{kind}, {name}"] = _left_out(kind, name, as_is, moved)
    return found


def _left_out(kind: str, what: str, as_is: HeldOut, moved: Sequence[HeldOut]) -> dict[str, float]:
    """Print and return one kind's errors."""
    error = measured.headline(kind, fitting.as_lists(as_is.errors[kind]))
    other = [measured.headline(kind, fitting.as_lists(one.errors[kind])) for one in moved]
    print(f"{kind}, {what} left out: error {error:.3f} (wanted {measured.TARGETS[kind]}), "
          f"inside P10-P90 {as_is.coverage[kind]:.0%}; "
          f"priors moved by a third: {fmean(other):.3f} (worst {max(other):.3f})")  # fmt: skip
    for name in sorted(as_is.errors[kind]):
        groups = [[abs(e) for e in one.errors[kind][name].values()] for one in (as_is, *moved)]
        print(f"    {name:26} {len(groups[0]):4}  median {median(groups[0]):.3f}"
              f"  priors moved {fmean(median(found) for found in groups[1:]):.3f}", flush=True)  # fmt: skip
    return {"error": error, "coverage": as_is.coverage[kind], "priors_moved": fmean(other)}


def refit(rows: Sequence[Row], today: str, only: str | None) -> None:
    """Fit, take the ranges from what is left unexplained, write the files."""
    for problem in fitting.PROBLEMS:
        if only not in (None, problem.name):
            continue
        known = fitting.cases(rows, problem.kinds)
        constants = fitting.fit(problem, known)
        constants = fitting.with_ranges(problem, constants, known)
        fitting.write(problem, constants, len(known), today)
        for kind, groups in fitting.errors(problem, known, constants).items():
            print(f"{kind}: {measured.headline(kind, fitting.as_lists(groups)):.3f}", flush=True)


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--left-out", action="store_true")
    parser.add_argument("--fit", metavar="DATE")
    parser.add_argument("--only", choices=[problem.name for problem in fitting.PROBLEMS])
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rows = measured.load()
    if options.fit:
        refit(rows, options.fit, options.only)
        return
    summary = left_out(rows, options.only) if options.left_out else report(rows)
    if options.json:
        Path(options.json).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
