"""Published measurements, and how far an estimate is from them."""

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "figures"
RESULTS = {"peak_mem_gib_low", "peak_mem_gib_high", "tokens_per_s", "output_tps", "prefill_tps", "ttft_ms", "tpot_ms",
           "oom", "group", "scored", "source"}  # fmt: skip
FIELD = {
    "memory": "peak_memory_gib",
    "training_speed": "tokens_per_s",
    "decode": "output_tokens_per_s",
    "prefill": "prefill_tokens_per_s",
    "serving": "output_tokens_per_s",
}
MEASURED = {
    "memory": ("peak_mem_gib_low", "peak_mem_gib_high"),
    "training_speed": ("tokens_per_s", "tokens_per_s"),
    "decode": ("output_tps", "output_tps"),
    "prefill": ("prefill_tps", "prefill_tps"),
    "serving": ("output_tps", "output_tps"),
}
TARGETS = {"memory": 0.08, "training_speed": 0.25, "decode": 0.25, "prefill": 0.25, "serving": 0.35}


@dataclass(frozen=True)
class Row:
    """One measured set-up: what describes it, and what came out."""

    id: str
    group: str
    kind: str
    setup: Mapping[str, Any]
    raw: Mapping[str, Any]

    def result(self, kind: str) -> tuple[float, float]:
        """Low and high end of the measured value."""
        low, high = MEASURED[kind]
        return float(self.raw[low]), float(self.raw[high])


def load() -> list[Row]:
    """Every row of both files."""
    rows = []
    for name in ("training", "inference"):
        for line in (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            raw = json.loads(line)
            setup = {key: value for key, value in raw.items() if key not in RESULTS}
            rows.append(Row(raw["id"], raw["group"], name, setup, raw))
    return rows


def error(kind: str, estimate: float, low: float, high: float) -> float:
    """Memory: share by which the estimate misses the bracket. Speeds: ln(estimate / measured). Signed."""
    if kind == "memory":
        return (
            0.0 if low <= estimate <= high else (estimate - high) / high if estimate > high else (estimate - low) / low
        )
    return math.log(estimate / low)


def headline(kind: str, errors: Mapping[str, Iterable[float]]) -> float:
    """Memory: mean over rows. Speeds: mean over groups of the group's median, so that large tables do not decide."""
    sizes = {group: [abs(e) for e in found] for group, found in errors.items()}
    if kind == "memory":
        return statistics.fmean(e for found in sizes.values() for e in found)
    return statistics.fmean(statistics.median(found) for found in sizes.values())


def by_group(rows: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    """(group, error) pairs as lists by group."""
    found: dict[str, list[float]] = defaultdict(list)
    for group, value in rows:
        found[group].append(value)
    return dict(found)
