"""Our estimates beside published measurements, beside a plain closed formula and beside other estimators.

    python benchmarks/estimates.py                 errors by figure and table, coverage of P10-P90, what others say
    python benchmarks/estimates.py --left-out      the same with constants fitted without the table (takes minutes)
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
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import fmean, median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import closed_form
import fitting
import measured
import others
from fitting import Case, Problem
from measured import Row

from pricing.batch import estimate_lines
from pricing.catalogue import load_catalogue

TODAY = date(2026, 11, 24)
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


def left_out(rows: Sequence[Row]) -> dict[str, Any]:
    """Every table predicted with constants fitted without it."""
    found: dict[str, Any] = {}
    for problem in fitting.PROBLEMS:
        for kind, groups in fitting.leave_one_out(problem, fitting.cases(rows, problem.kinds)).items():
            error = measured.headline(kind, fitting.as_lists(groups))
            print(f"{kind}: error {error:.3f} with the table left out")
            for name in sorted(groups):
                sizes = [abs(e) for e in groups[name].values()]
                print(f"    {name:26} {len(sizes):4}  median {median(sizes):.3f}")
            found[kind] = error
    return found


def refit(rows: Sequence[Row], today: str, only: str | None) -> None:
    """Fit, take the ranges from what is left unexplained, write the files."""
    for problem in fitting.PROBLEMS:
        if only not in (None, problem.name):
            continue
        known = fitting.cases(rows, problem.kinds)
        constants = fitting.fit(problem, known)
        found = fitting.errors(problem, known, constants)
        fitting.write(problem, _with_ranges(problem, constants, found, known), len(known), today)
        for kind, groups in found.items():
            print(f"{kind}: {measured.headline(kind, fitting.as_lists(groups)):.3f}", flush=True)


def _with_ranges(problem: Problem, constants: Any, found: fitting.Errors, known: Sequence[Case]) -> Any:
    """The constants with ranges that hold about five of six outcomes."""
    if problem.name == "memory":
        return replace(constants, log_sd=fitting.spread_for(found["memory"], known))
    if problem.name == "training_speed":
        one = [case for case in known if case.read.setup.n_gpus == 1]
        more = [case for case in known if case.read.setup.n_gpus > 1]
        speed = found["training_speed"]
        return replace(
            constants, log_sd=fitting.spread_for(speed, one), log_sd_many_devices=fitting.spread_for(speed, more)
        )
    of_kind = {kind: [case for case in known if case.kind == kind] for kind in problem.kinds}
    return replace(
        constants,
        log_sd_single=fitting.spread_for(found["decode"], of_kind["decode"]),
        log_sd_prefill=fitting.spread_for(found["prefill"], of_kind["prefill"]),
        log_sd_many=fitting.spread_for(found["serving"], of_kind["serving"]),
    )


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
    summary = left_out(rows) if options.left_out else report(rows)
    if options.json:
        Path(options.json).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
