"""Predicted against measured on this computer's processor: short real runs of the packaged models.

    python benchmarks/cpu_runs.py --run [NAME ...]     train each set-up for a few steps, append to data/cpu_runs.jsonl
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
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

DATA = Path(__file__).parent / "data" / "cpu_runs.jsonl"
WORDS = ["time", "year", "people", "way", "day", "man", "thing", "woman", "life", "world", "school", "state", "family",
         "student", "group", "country", "problem", "hand", "part", "place", "case", "week", "water"]  # fmt: skip
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

    @property
    def name(self) -> str:
        return f"{self.method}-{self.batch}x{self.tokens}{'-ckpt' if self.checkpointing else ''}"

    @property
    def steps(self) -> int:
        return max(4, min(15, TOKENS // (self.batch * self.tokens)))


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


def compare() -> None:
    """Print predictions beside outcomes, errors, coverage, and the error after one own run."""
    rows = [json.loads(line) for line in DATA.read_text().splitlines()]
    known = {set_up.name: set_up for set_up in SET_UPS}
    print(f"{'set-up':22} {'GiB predicted':>22} {'measured':>9} {'tokens/s predicted':>22} {'measured':>9}")
    logs: dict[str, list[float]] = {"peak_memory_gib": [], "tokens_per_s": []}
    inside: dict[str, list[bool]] = {"peak_memory_gib": [], "tokens_per_s": []}
    for row in rows:
        plan = predict(known[row["name"]])
        cells = []
        for figure in logs:
            spread, outcome = plan[figure], row[figure]
            logs[figure].append(math.log(outcome / spread["p50"]))
            inside[figure].append(spread["p10"] <= outcome <= spread["p90"])
            text = f"{spread['p50']:.3g} ({spread['p10']:.3g}-{spread['p90']:.3g})"
            cells.append(f"{text:>22} {outcome:9.3g}")
        print(f"{row['name']:22} {' '.join(cells)}")
    for figure, found in logs.items():
        after = [abs(found[i] - found[j]) for i in range(len(found)) for j in range(len(found)) if i != j]
        print(
            f"{figure}: {len(found)} runs, mean error {fmean(map(abs, found)):.1%}, inside {fmean(inside[figure]):.0%}"
        )
        print(f"    with any one other run as calibration, median error {median(after):.1%}")


def main() -> None:
    """Run or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="*", metavar="NAME")
    names = parser.parse_args().run
    if names is None:
        compare()
        return
    for set_up in SET_UPS:
        if not names or set_up.name in names:
            row = measure(set_up)
            print(json.dumps(row), flush=True)
            with DATA.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
