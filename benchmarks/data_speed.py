"""How fast, and in how much memory, examples are checked and prepared.

    python benchmarks/data_speed.py --rows 1000000          # check, then prepare: seconds, rows/s, peak memory

Rows are made up: 90 to 130 words drawn by Zipf's law in chat form with a JSON answer (about 200 tokens, 1 KB); 2 % copy
the question before, 4 % copy it with one word changed, 3 % hold an address and a phone number. Memory
is the sum over the process and its workers, sampled ten times a second.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

SYLLABLES = (
    "ba",
    "ce",
    "di",
    "fo",
    "gu",
    "ha",
    "je",
    "ki",
    "lo",
    "mu",
    "na",
    "pe",
    "qui",
    "ro",
    "su",
    "ta",
    "ster",
    "tion",
)


def words(rng: random.Random, count: int) -> list[str]:
    """A text of `count` words from a vocabulary of 30,000 with frequencies as in language."""
    vocabulary = ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(30_000)]
    weights = list(accumulate(1 / (rank + 10) for rank in range(len(vocabulary))))
    return rng.choices(vocabulary, cum_weights=weights, k=count)


def rows(count: int) -> Iterator[dict[str, object]]:
    """Made-up chat rows."""
    rng = random.Random(7)
    text = words(rng, 4_000_000)
    question = ""
    for number in range(count):
        chance = rng.random()
        if not question or chance >= 0.06:
            start = rng.randrange(len(text) - 200)
            question = " ".join(text[start : start + rng.randint(90, 130)])
        elif chance >= 0.02:
            parts = question.split()
            parts[rng.randrange(len(parts))] = rng.choice(text)
            question = " ".join(parts)
        if chance > 0.97:
            question += f" write to {rng.choice(text)}@mail{number % 97}.net or +49 30 90{rng.randint(1000, 9999)}"
        queue = rng.choice(("billing", "shipping", "returns", "account", "other"))
        at = number * 7 % 3_000_000
        reason = " ".join(text[at : at + 12])
        answer = json.dumps({"queue": queue, "urgent": number % 3 == 0, "reason": reason})
        yield {
            "id": f"r{number}",
            "messages": [
                {"role": "system", "content": "Sort the request into one of five queues and answer in JSON."},
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ],
        }


@dataclass(frozen=True, slots=True)
class Run:
    """What a command took: wall and CPU seconds, and the peak memory of it and its children."""

    seconds: float
    cpu_seconds: float
    peak_gib: float
    exit_code: int


def measured(command: list[str]) -> Run:
    """Run a command and watch it."""
    import psutil

    start = time.perf_counter()
    before = os.times()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.1):
            total = 0
            try:
                parent = psutil.Process(child.pid)
                for process in (parent, *parent.children(recursive=True)):
                    total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            peak = max(peak, total)

    thread = threading.Thread(target=watch)
    thread.start()
    code = child.wait()
    seconds = time.perf_counter() - start
    done.set()
    thread.join()
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(seconds, cpu, peak / 2**30, code)


def check_and_prepare(count: int, folder: Path) -> None:
    path = folder / "rows.jsonl"
    with open(path, "w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows(count))
    print(f"{count:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
    advisor = [sys.executable, "-m", "advisor", "data"]
    total, peak = 0.0, 0.0
    for name, command in (
        ("check", [*advisor, "check", str(path), "--json"]),
        ("prepare", [*advisor, "prepare", str(path), "--near", "drop", "--out", str(folder / "out.jsonl"), "--json"]),
    ):
        run = measured(command)
        total, peak = total + run.seconds, max(peak, run.peak_gib)
        print(
            f"{name:<8} {run.seconds:7.1f} s  {run.cpu_seconds:7.1f} CPU s  {count / run.seconds:9,.0f} rows/s"
            f"  {run.peak_gib:5.2f} GiB  exit {run.exit_code}"
        )
    limit = 600 * count / 1_000_000
    print(f"together {total:7.1f} s of {limit:.0f} s allowed (600 s for a million rows): {verdict(total <= limit)}")
    print(f"peak     {peak * 2**30 / 1e9:7.2f} GB of 1.5 GB allowed: {verdict(peak * 2**30 <= 1.5e9)}")


def verdict(kept: bool) -> str:
    return "kept" if kept else "NOT kept"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="data-speed-") as folder:
        check_and_prepare(options.rows, Path(folder))


if __name__ == "__main__":
    main()
