"""How long a full report takes and how large it gets: 500 options, 4,096 samples.

Usage: .venv/bin/python benchmarks/report_speed.py [ANSWERS]

Prints the seconds of the decision (4,096 samples), of building and of writing each format, and the sizes; the decision
is cut or filled up to 500 ranked options, every optional part of it present.
"""

import sys
import tempfile
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPTIONS, SAMPLES = 500, 4096
TODAY = date(2026, 11, 24)


def main() -> None:
    from advisor.reports.build import build_report
    from advisor.reports.document import Document
    from advisor.reports.gather import context_for
    from advisor.reports.render import defaults, renderer
    from advisor.reports.source import from_answers

    answers = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples" / "bulk-classification.yaml"
    clock = Clock()
    source = from_answers(answers, TODAY, SAMPLES)
    clock.lap(f"decision, {SAMPLES:,} samples, {len(source.decision.ranked):,} options priced")
    source = with_options(source, OPTIONS)
    clock.start()
    context = context_for(source, today=TODAY)
    document = Document(build_report(context), (context,), context.command)
    total = clock.lap(f"report built, {len(context.decision.ranked)} options, {context.decision.samples:,} samples")
    with tempfile.TemporaryDirectory() as folder:
        for name in defaults():
            files = renderer(name).write(document, Path(folder))
            size = sum(file.stat().st_size for file in files)
            total += clock.lap(f"{name}: {len(files)} files, {size / 1e6:.2f} MB")
    sys.stdout.write(f"{total:8.2f} s  the report as a whole (goal: under 3 s; HTML under 6 MB)\n")


class Clock:
    """Wall time between laps."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        self._at = time.perf_counter()

    def lap(self, words: str) -> float:
        """Prints and returns the seconds since the last lap."""
        seconds = time.perf_counter() - self._at
        sys.stdout.write(f"{seconds:8.2f} s  {words}\n")
        self.start()
        return seconds


def with_options(source, count):  # type: ignore[no-untyped-def]
    """The source with exactly `count` ranked options: the worst are cut, or repeated under other ids."""
    from dataclasses import replace

    ranked = list(source.decision.ranked)
    for number in range(count - len(ranked)):
        last = ranked[-1]
        ranked.append(last.model_copy(update={"option_id": f"{last.option_id}#{number}"}))
    return replace(source, decision=source.decision.model_copy(update={"ranked": ranked[:count]}))


if __name__ == "__main__":
    main()
