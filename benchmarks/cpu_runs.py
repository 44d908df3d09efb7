"""Predicted against measured on this computer's processor: short real runs of the packaged models.

    python benchmarks/cpu_runs.py --run [NAME ...]     train each set-up for a few steps, keep in data/cpu_runs.jsonl
    python benchmarks/cpu_runs.py                      predictions of today's formula beside what was measured

A set-up is trained through `advisor train` in a project of its own, on rows of one length made of common words, so that
nothing but method, batch, length and checkpointing differs. Measured: peak memory of the training process and tokens a
second of its steps, as the run reports them. Prediction: the plan that `advisor train --plan-only` shows.
"""

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from advisor.base.quantiles import Quantiles
from pricing.calibration import MEMORY_NOISE, SPEED_NOISE, Evidence
from pricing.ownruns import Compared, compared

DATA = Path(__file__).parent / "data" / "cpu_runs.jsonl"
WORDS = ["time", "year", "people", "way", "day", "man", "thing", "woman", "life", "world", "school", "state", "family",
         "student", "group", "country", "problem", "hand", "part", "place", "case", "week", "water"]  # fmt: skip
PRIOR_SD = 0.25
"""Of ln(measured / predicted) before any own run."""
TOKENS = 6144
"""Of one set-up's run, as far as its steps allow: a quarter of a minute."""


@dataclass(frozen=True)
class SetUp:
    """One job: `tokens` is the length of every row, `batch` the rows of a step."""

    method: str
    batch: int
    tokens: int
    checkpointing: bool = False
    model: str = "smollm2-135m"
    most_steps: int = 15

    @property
    def name(self) -> str:
        return f"{self.method}-{self.batch}x{self.tokens}{'-ckpt' if self.checkpointing else ''}"

    @property
    def steps(self) -> int:
        return min(self.most_steps, max(4, TOKENS // (self.batch * self.tokens)))


SET_UPS = [
    SetUp("lora", 2, 128),
    SetUp("lora", 4, 128),
    SetUp("lora", 8, 128),
    SetUp("lora", 4, 256),
    SetUp("lora", 8, 256),
    SetUp("lora", 4, 256, True),
    SetUp("lora", 8, 256, True),
    SetUp("qlora", 4, 128),
    SetUp("qlora", 4, 256),
    SetUp("qlora", 4, 256, True),
    SetUp("full", 2, 128),
    SetUp("full", 4, 128),
    SetUp("full", 4, 256),
    SetUp("full", 4, 256, True),
]


def write_rows(path: Path, set_up: SetUp, rows: int) -> None:
    """Chat rows of common words; the template takes about thirty tokens of each row."""
    random.seed(set_up.tokens)
    body = max(8, set_up.tokens - 32)

    def words(count: int) -> str:
        return " ".join(random.choices(WORDS, k=count))

    with path.open("w", encoding="utf-8") as stream:
        for i in range(rows):
            messages = [
                {"role": "user", "content": words(body // 2)},
                {"role": "assistant", "content": words(body - body // 2)},
            ]
            stream.write(json.dumps({"id": str(i), "messages": messages}) + "\n")


def command(set_up: SetUp, project: Path) -> list[str]:
    """The `advisor train` of a set-up."""
    words = [sys.executable, "-m", "advisor", "train", "--project", str(project), "--model", set_up.model]
    words += [
        "--method",
        set_up.method,
        "--data",
        str(project / "data" / "train.jsonl"),
        "--max-steps",
        str(set_up.steps),
    ]
    words += ["--batch-size", str(set_up.batch), "--set", "layout=padded", "--name", "run"]
    for setting in ("evaluations=0", "checkpoints=0", "held_out_rows=0"):
        words += ["--set", setting]
    return [*words, "--set", f"gradient_checkpointing={str(set_up.checkpointing).lower()}"]


def prepare(set_up: SetUp, folder: Path) -> Path:
    """A project with its training rows."""
    project = folder / "project"
    subprocess.run([sys.executable, "-m", "advisor", "init", str(project)], check=True, capture_output=True)
    (project / "data").mkdir(exist_ok=True)
    write_rows(project / "data" / "train.jsonl", set_up, set_up.steps * set_up.batch + 8)
    return project


def measure(set_up: SetUp) -> dict[str, Any]:
    """Train it and read what the run reports."""
    with tempfile.TemporaryDirectory() as folder:
        project = prepare(set_up, Path(folder))
        ended = subprocess.run(
            [*command(set_up, project), "--yes", "--watch"], capture_output=True, text=True, check=False
        )
        result = project / "runs" / "run" / "result.json"
        if not result.is_file():
            raise SystemExit(f"{set_up.name}: {ended.stderr[-2000:]}")
        read = json.loads(result.read_text())
        if read["status"] != "finished":
            raise SystemExit(f"{set_up.name}: {read}")
    from pricing.devices import this_machine

    measured = {key: read["measured"][key] for key in ("peak_memory_gib", "tokens_per_s", "seconds", "steps")}
    measured["trained_tokens"] = read["measured"]["tokens"]
    return {"name": set_up.name, **asdict(set_up), "machine": this_machine().name, **measured}


def predict(set_up: SetUp) -> dict[str, Any]:
    """The plan's ranges."""
    with tempfile.TemporaryDirectory() as folder:
        project = prepare(set_up, Path(folder))
        words = [*command(set_up, project), "--plan-only", "--json"]
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
        return dict(json.loads(ended.stdout)["plan"])


def keep(row: dict[str, Any]) -> None:
    """Write the row in place of an older one of its set-up."""
    lines = DATA.read_text(encoding="utf-8").splitlines() if DATA.exists() else []
    rows = [old for old in map(json.loads, lines) if old["name"] != row["name"]]
    DATA.write_text("".join(json.dumps(kept) + "\n" for kept in [*rows, row]), encoding="utf-8")


def compare() -> None:
    """Print predictions beside outcomes, errors, coverage, and the errors that own runs leave."""
    rows = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()]
    known = {set_up.name: set_up for set_up in SET_UPS}
    found = [(row, _figures(row, predict(known[row["name"]]))) for row in rows if row["name"] in known]
    print(f"{'set-up':18} {'GiB predicted':>20} {'measured':>8} {'seconds predicted':>22} {'measured':>8}")
    for row, figures in found:
        cells = [
            f"{f.predicted.p50:.3g} ({f.predicted.p10:.3g}-{f.predicted.p90:.3g})".rjust(20) + f"{f.measured:9.3g}"
            for f in figures
            if f is not None
        ]
        print(f"{row['name']:18} {'   '.join(cells)}")
    for place, (name, noise) in enumerate((("memory", MEMORY_NOISE), ("time", SPEED_NOISE))):
        _summary(name, [(row, f) for row, figures in found if (f := figures[place]) is not None], noise)


def _figures(row: dict[str, Any], plan: dict[str, Any]) -> tuple[Compared | None, Compared | None]:
    """Memory, and seconds of the steps (null where the machine was too busy to time them)."""
    memory, speed, tokens = plan["peak_memory_gib"], plan["tokens_per_s"], row["trained_tokens"]
    seconds = Quantiles(tokens / speed["p90"], tokens / speed["p50"], tokens / speed["p10"])
    return compared(Quantiles(**memory), row["peak_memory_gib"]), compared(seconds, row["seconds"])


def _summary(name: str, found: list[tuple[dict[str, Any], Compared]], noise: float) -> None:
    """Errors of the formula, with all other runs of the method as own runs, and with one run of the same set-up."""
    logs = [(row["method"], figure.log_ratio) for row, figure in found]
    inside = fmean(float(figure.inside) for _, figure in found)
    error = fmean(abs(log) for _, log in logs)
    print(f"{name}: {len(found)} runs, mean error {error:.1%} (formula alone), inside P10-P90 {inside:.0%}")
    after = []
    for i, (method, log) in enumerate(logs):
        others = tuple(other for j, (kind, other) in enumerate(logs) if j != i and kind == method)
        factor, _ = Evidence(others, noise).applied(PRIOR_SD)
        after.append(abs(log - math.log(factor)))
    wanted = " (wanted: 10 %)" if name == "time" else ""
    print(f"    after the method's other runs: mean {fmean(after):.1%}, median {median(after):.1%}{wanted}")


def main() -> None:
    """Run or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="*", metavar="NAME")
    parser.add_argument("--steps", type=int, help="of each run, where memory alone is wanted")
    options = parser.parse_args()
    names = options.run
    if names is None:
        compare()
        return
    for set_up in SET_UPS:
        if not names or set_up.name in names:
            row = measure(replace(set_up, most_steps=options.steps or set_up.most_steps))
            print(json.dumps(row), flush=True)
            keep(row)


if __name__ == "__main__":
    main()
