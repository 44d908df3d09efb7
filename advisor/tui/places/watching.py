"""Reading runs from disk for the screen: what each is doing, and the loss curve of one. Runs in a thread."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from textual.content import Content

from advisor.base.errors import InvalidDataError
from advisor.tui.text import money

if TYPE_CHECKING:
    from trainers.runs.client import RunView

_STATES = {
    "running": ("▶", "$text-success", "running"),
    "stopping": ("▶", "$text-warning", "stopping"),
    "finished": ("●", "$text-success", "finished"),
    "stopped": ("○", "$secondary", "stopped"),
    "planned": ("○", "$secondary", "planned"),
    "failed": ("■", "$text-error", "failed"),
    "killed": ("■", "$text-error", "killed"),
    "out_of_memory": ("■", "$text-error", "out of memory"),
    "lost": ("■", "$text-error", "lost"),
}
_BAR = 30
_POINTS = 300


@dataclass(frozen=True, slots=True)
class Curve:
    """Training loss and held-out loss of a run over its steps."""

    run: str = ""
    losses: tuple[tuple[int, float], ...] = ()
    held_out: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """All runs, the newest first, the folders that are no readable run, and one run's curve."""

    runs: "tuple[RunView, ...]" = ()
    broken: tuple[tuple[str, str], ...] = ()
    curve: Curve = field(default_factory=Curve)


class Watcher:
    """Reads the runs of a project again and again; what did not change is not read twice."""

    def __init__(self, project: Path) -> None:
        self._folder = project / "runs"
        self._known: dict[Path, tuple[tuple[int, ...], RunView]] = {}
        self._curve = _CurveReader()

    def read(self, selected: str | None) -> Reading:
        """Everything as it stands now; a run that cannot be read is named with the reason."""
        runs: list[RunView] = []
        broken: list[tuple[str, str]] = []
        for folder in self._folders():
            try:
                runs.append(self._view(folder))
            except InvalidDataError as error:
                broken.append((folder.name, str(error)))
        runs.sort(key=lambda run: run.spec.created, reverse=True)
        shown = next((run for run in runs if run.id == selected), runs[0] if runs else None)
        return Reading(tuple(runs), tuple(broken), self._curve.read(shown.folder, shown.id) if shown else Curve())

    def _folders(self) -> list[Path]:
        return sorted(path for path in self._folder.iterdir() if path.is_dir()) if self._folder.is_dir() else []

    def _view(self, folder: Path) -> "RunView":
        from trainers.runs.client import view

        signature = tuple(_changed(folder / name) for name in ("spec.json", "result.json", "events.jsonl", "stop"))
        known = self._known.get(folder)
        if known is not None and known[0] == signature and not known[1].state.alive:
            return known[1]
        self._known[folder] = (signature, view(folder))
        return self._known[folder][1]


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


class _CurveReader:
    """The losses of one run at a time, read on from where the last reading ended."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._offset = 0
        self._losses: dict[int, float] = {}
        self._held_out: dict[int, float] = {}

    def read(self, folder: Path, run: str) -> Curve:
        """The curve as it stands now; of a step that was done twice (after a resume) the later one counts."""
        from trainers.runs.client import read_events

        if folder != self._folder:
            self._folder, self._offset, self._losses, self._held_out = folder, 0, {}, {}
        events, self._offset = read_events(folder, self._offset)
        for event in events:
            step = event.fields.get("step")
            for kind, name, into in (("step", "loss", self._losses), ("evaluated", "held_out_loss", self._held_out)):
                value = event.fields.get(name)
                if event.kind == kind and isinstance(step, int) and isinstance(value, int | float):
                    into[step] = float(value)
        return Curve(run, _thinned(self._losses), tuple(sorted(self._held_out.items())))


def _thinned(points: dict[int, float]) -> tuple[tuple[int, float], ...]:
    """At most a few hundred points in the order of their steps; the last one is always there."""
    ordered = sorted(points.items())
    every = max(1, len(ordered) // _POINTS)
    return tuple(ordered[::-1][::every][::-1])


def state_content(run: "RunView") -> Content:
    """The run's state as glyph and word."""
    glyph, style, word = _STATES.get(run.state.value, ("○", "$secondary", run.state.value))
    return Content.assemble((f"{glyph} ", style), (word, "bold"))


def state_words(run: "RunView") -> str:
    """The same as plain text, for a table."""
    return state_content(run).plain


def duration(seconds: float) -> str:
    """Seconds for people: `45 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def bar(step: int, total: int | None, width: int = _BAR) -> str:
    """How far it is, as a bar that reads without colour."""
    if not total:
        return f"step {step}"
    full = min(width, round(width * step / total))
    return f"[{'#' * full}{'.' * (width - full)}] {step} of {total} steps"


def run_parts(run: "RunView") -> list[Content | str]:
    """Everything about one run: state, progress, speed, memory, money, what was predicted, and why it ended."""
    parts: list[Content | str] = [Content.assemble((run.id, "bold"), "  ", state_content(run), _ending(run))]
    if run.progress is not None and run.progress.total_steps:
        parts.append(bar(run.progress.step, run.progress.total_steps))
    elif run.state.alive:
        parts.append("loading the model and preparing the rows ...")
    return [*parts, *_figures(run), *_remarks(run)]


def _ending(run: "RunView") -> str:
    reason = run.result.reason if run.result is not None else None
    if run.state.value == "lost":
        return ": its supervisor ended without a word; r resumes it"
    return f": {reason}" if reason and run.state.value not in ("finished", "stopped") else ""


def _figures(run: "RunView") -> list[Content]:
    now, done, expected = run.progress, run.result.measured if run.result else None, run.spec.predicted
    loss = (done.final_train_loss if done else None) or (now.loss if now else None)
    held_out = (done.held_out_loss if done else None) or (now.held_out_loss if now else None)
    speed = (done.tokens_per_s if done else None) or (now.tokens_per_s if now else None)
    memory = (done.peak_memory_gib if done else None) or (now.memory_gib if now else None)
    cost = (done.cost_usd if done else None) or (now.cost_usd if now else None)
    before = f" ({done.held_out_loss_before:.4f} before training)" if done and done.held_out_loss_before else ""
    rows = [
        ("method", f"{run.spec.method} on {run.spec.model}, {run.spec.data.rows:,} rows of {run.spec.data.path}"),
        ("loss", _or_none(loss, "{:.4f}")),
        ("held-out", _or_none(held_out, "{:.4f}") + before if held_out is not None else ""),
        ("speed", _or_none(speed, "{:,.0f} tokens/s") + _expected(expected and expected.tokens_per_s, "{:,.0f}")),
        ("memory", _or_none(memory, "{:.1f} GiB") + _expected(expected and expected.peak_memory_gib, "{:.1f}")),
        ("time", _time(run)),
        (
            "cost",
            (money(cost) if cost is not None else "not priced") + _expected(expected and expected.cost_usd, "${:.2g}"),
        ),
    ]
    return [Content.assemble((f"{label:<9}", "$secondary"), value) for label, value in rows if value]


def _or_none(value: float | None, shape: str) -> str:
    return "not known yet" if value is None else shape.format(value)


def _expected(spread: object, shape: str) -> str:
    low, high = getattr(spread, "p10", None), getattr(spread, "p90", None)
    if low is None or high is None:
        return ""
    return f"  (expected {shape.format(low)} to {shape.format(high)})"


def _time(run: "RunView") -> str:
    hours = run.spec.predicted.hours if run.spec.predicted else None
    expected = f"  (expected {duration(hours.p10 * 3600)} to {duration(hours.p90 * 3600)})" if hours else ""
    if run.state.alive:
        left = run.progress.seconds_left if run.progress else None
        return ("not known yet" if left is None else f"{duration(left)} left") + expected
    seconds = run.result.measured.wall_seconds if run.result else None
    return ("not known" if seconds is None else f"{duration(seconds)} in all") + expected


def _remarks(run: "RunView") -> list[Content]:
    warnings = run.progress.warnings if run.progress else ()
    found = [Content.assemble(("▲ ", "$text-warning"), text) for text in warnings if text]
    if run.result is not None and run.result.fix and run.state.value not in ("finished", "stopped"):
        found.append(Content.assemble(("What to do: ", "bold"), run.result.fix))
    return found
