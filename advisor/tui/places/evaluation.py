"""Evaluation: candidates on the same held-out rows with their intervals, pairs, verdicts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from advisor.tui.actions import bindings
from advisor.tui.explain import Explanation
from advisor.tui.messages import CommandDone
from advisor.tui.places.place import Place
from advisor.tui.text import latency, lines, section
from advisor.tui.widgets.frame import show_pairs
from advisor.tui.widgets.table import Column, Table

_CANDIDATES = (
    Column("Candidate", flexible=True),
    Column("Score", right=True),
    Column("95 % interval, 0 to 100"),
    Column("Rows", right=True),
    Column("JSON", right=True),
    Column("p95", right=True, wide=True),
)
_GLYPHS = {
    "helped": ("●", "$text-success"),
    "no detectable change": ("○", "$secondary"),
    "harmed": ("■", "$text-error"),
    "mixed": ("▲", "$text-warning"),
}
_EVALUATE = "evaluate"
_SCALE = 20


@dataclass(frozen=True, slots=True)
class Found:
    """One evaluation on disk."""

    path: Path
    value: dict[str, Any]


class EvaluationPlace(Place):
    """The newest evaluation first; n and p go through older ones."""

    place = "evaluation"
    BINDINGS: ClassVar[list[BindingType]] = bindings("evaluation")

    def __init__(self) -> None:
        super().__init__()
        self._found: list[Found] = []
        self._number = 0
        self._problem: Content | None = None
        self._unfinished: list[str] = []

    def body(self) -> ComposeResult:
        yield Static(id="headline")
        with Vertical(id="panes"):
            yield Table(_CANDIDATES, id="candidates")
            with VerticalScroll(id="pairs"):
                yield Static(id="pairs-text")

    async def show(self) -> None:
        session = self.session
        if session is None:
            return
        self._found = read_evaluations(session.project.evaluation_files())
        self._unfinished = unfinished(session.project.evaluations_folder)
        found = self._shown()
        self.query_one("#headline", Static).update(self._headline(found))
        self.query_one("#panes").display = found is not None
        if found is None:
            return
        table = self.query_one("#candidates", Table)
        table.show(candidate_cells(found.value))
        if self.focused is None:
            table.focus()
        self._show_pairs()

    @on(Table.Moved, "#candidates")
    def _show_pairs(self) -> None:
        found = self._shown()
        if found is not None:
            self.query_one("#pairs-text", Static).update(
                lines([*pair_parts(found.value), *self._fields(found), *general_parts(found.value)])
            )

    def _fields(self, found: Found) -> list[Content | str]:
        names = list(found.value.get("candidates", {}))
        row = self.query_one("#candidates", Table).cursor_row
        return field_parts(names[row], found.value["candidates"][names[row]]) if 0 <= row < len(names) else []

    def _shown(self) -> Found | None:
        return self._found[self._number % len(self._found)] if self._found else None

    def _headline(self, found: Found | None) -> Content:
        parts: list[Content | str] = []
        commands = self.program.commands
        if commands.running(_EVALUATE):
            said = commands.said(_EVALUATE) or "base and tuned model answer every test row"
            parts.append(Content.assemble(("▶ ", "$text-success"), "evaluating ...  ", (said, "$secondary")))
        elif self._problem is not None:
            parts.append(self._problem)
        elif self._unfinished:
            said = f"{', '.join(self._unfinished)} is not finished: it is at work, or e takes it up again"
            parts.append(Content.assemble(("○ ", "$secondary"), said))
        if found is None:
            keys = [("e", "evaluate the newest finished run"), ("5", "runs")]
            return lines(
                [
                    *parts,
                    "No evaluation yet. It compares base and tuned model on the frozen test rows.",
                    show_pairs(keys),
                ]
            )
        where = f"evaluation {self._number % len(self._found) + 1} of {len(self._found)}, the newest first"
        run = f"run {found.value['run']}, " if found.value.get("run") else ""
        what = f"{run}{found.value.get('n', '?')} rows, metric {found.value.get('metric', '?')}"
        parts.append(Content.assemble((found.path.parent.name, "bold"), f"  {what}   ", (where, "$secondary")))
        return lines([*parts, *verdict_parts(found.value)])

    def action_next_evaluation(self) -> None:
        self._step(1)

    def action_previous_evaluation(self) -> None:
        self._step(-1)

    def _step(self, by: int) -> None:
        if self._found:
            self._number = (self._number + by) % len(self._found)
            self.run_worker(self.show())

    def action_evaluate(self) -> None:
        run = self._newest_finished()
        if run is None:
            self.program.say("No finished run to evaluate yet; 5 shows the runs.")
            return
        self._problem = None
        if not self.program.commands.start(_EVALUATE, "evaluate", "--run", run):
            self.program.say("An evaluation is at work already.")
        self.query_one("#headline", Static).update(self._headline(self._shown()))

    def _newest_finished(self) -> str | None:
        from trainers.runs.client import list_runs

        if self.session is None:
            return None
        finished = [run.id for run in list_runs(self.session.project.folder) if run.state.value == "finished"]
        return finished[-1] if finished else None

    async def command_done(self, message: CommandDone) -> None:
        if message.name != _EVALUATE:
            return
        self._number = 0
        if message.code and not isinstance(message.value, dict):
            said = message.problem or f"exit code {message.code}"
            self._problem = Content.assemble(("■ ", "$text-error"), ("could not evaluate: ", "bold"), said)
        else:
            self.program.say("Evaluated. What was measured is in the answers now, and the decision is made again.")

    def why(self) -> Explanation | None:
        found = self._shown()
        if found is None:
            return None
        parts: list[Content | str] = [*pair_parts(found.value), *general_parts(found.value)]
        for name, candidate in found.value.get("candidates", {}).items():
            parts += field_parts(str(name), candidate)
        return Explanation("How the verdict was reached", (*parts, "", _METHOD, "", f"File: {found.path}"))

    def command_line(self) -> str | None:
        session = self.session
        if session is None:
            return None
        run = self._newest_finished()
        return session.command("evaluate", "--run", run or "RUN")


_METHOD = (
    "All candidates answer the same rows, so differences are paired. The interval is at 95 %; the p-value is adjusted "
    "for the number of pairs (Holm). The smallest detectable difference is what this many rows show with 80 % power."
)


def read_evaluations(paths: list[Path]) -> list[Found]:
    """The files that hold a comparison, the newest first; others are left alone."""
    found = []
    for path in reversed(paths):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(value, dict) and isinstance(value.get("candidates"), dict):
            found.append(Found(path, value))
    return found


def unfinished(folder: Path) -> list[str]:
    """Evaluations that were begun and have no result yet."""
    if not folder.is_dir():
        return []
    return sorted(spec.parent.name for spec in folder.glob("*/spec.json") if not (spec.parent / "result.json").exists())


def verdict_parts(value: dict[str, Any]) -> list[Content]:
    """The verdict of the whole, when the evaluation gives one."""
    verdict, text = str(value.get("verdict", "")), str(value.get("verdict_text", ""))
    if not verdict:
        return []
    glyph, style = _GLYPHS.get(verdict, ("○", "$secondary"))
    return [Content.assemble((f"{glyph} ", style), (verdict, "bold"), f"  {text}" if text else "")]


def general_parts(value: dict[str, Any]) -> list[Content | str]:
    """Whether everyday questions are still answered as well as before training."""
    general = value.get("general")
    return (
        ["", section("Everyday questions"), str(general["text"])]
        if isinstance(general, dict) and "text" in general
        else []
    )


def candidate_cells(value: dict[str, Any]) -> list[list[str]]:
    """A row for each candidate."""
    return [_cells(str(name), candidate) for name, candidate in value["candidates"].items()]


def _cells(name: str, candidate: dict[str, Any]) -> list[str]:
    valid = candidate.get("json_valid_share", candidate.get("valid_json"))
    p95 = candidate.get("latency_p95_ms")
    low, score, high = (candidate.get(key) for key in ("low", "score", "high"))
    return [
        name,
        _percent(score),
        interval_bar(low, score, high),
        str(candidate.get("n", "")),
        _percent(valid) if valid is not None else "",
        latency(p95) if isinstance(p95, int | float) else "",
    ]


def _percent(value: Any) -> str:
    return f"{value * 100:.1f}%" if isinstance(value, int | float) else "unknown"


def interval_bar(low: Any, score: Any, high: Any, width: int = _SCALE) -> str:
    """An interval on the scale from 0 to 1: `|    [--o--]      |` and its ends as numbers."""
    if not all(isinstance(value, int | float) for value in (low, score, high)):
        return ""
    cells = [" "] * width
    left, middle, right = (min(width - 1, max(0, round(value * (width - 1)))) for value in (low, score, high))
    for place in range(left, right + 1):
        cells[place] = "-"
    cells[left], cells[right] = "[", "]"
    cells[middle] = "o"
    return f"|{''.join(cells)}| {low * 100:.0f}-{high * 100:.0f}"


def pair_parts(value: dict[str, Any]) -> list[Content | str]:
    """Each pair: verdict, difference with interval, p, and what could have been detected."""
    parts: list[Content | str] = []
    for pair in value.get("pairs", []):
        verdict = str(pair.get("verdict", ""))
        glyph, style = _GLYPHS.get(verdict, ("○", "$secondary"))
        parts.append(
            Content.assemble(
                (f"{glyph} ", style),
                (verdict, "bold"),
                f"  {pair.get('b')} against {pair.get('a')}: {_difference(pair)}",
            )
        )
        worse = [p for p in pair.get("parts", []) if p.get("verdict") == "harmed"]
        parts += [
            Content.assemble("    ", ("■ ", "$text-error"), f"{p['name']} got worse: {_difference(p)}") for p in worse
        ]
    return parts or ["No pairs were compared."]


def _difference(pair: dict[str, Any]) -> str:
    difference, low, high = (pair.get(key) for key in ("difference", "low", "high"))
    if not all(isinstance(value, int | float) for value in (difference, low, high)):
        return "unknown"
    said = f"{difference * 100:+.1f} points ({low * 100:+.1f} to {high * 100:+.1f})"  # type: ignore[operator]
    p = pair.get("p_adjusted", pair.get("p_value"))
    if isinstance(p, int | float):
        said += f", p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    smallest = pair.get("smallest_detectable")
    if isinstance(smallest, int | float):
        said += f"; could have shown {smallest * 100:.1f} points"
    return said


def _scored(each: dict[str, Any]) -> str:
    return f"{_percent(each.get('score')):>6}  {interval_bar(each.get('low'), each.get('score'), each.get('high'))}"


def field_parts(name: str, candidate: dict[str, Any]) -> list[Content | str]:
    """The scores of a candidate by field, when the answers have fields."""
    fields = candidate.get("fields") or {}
    if not fields:
        return []
    width = max(len(str(field)) for field in fields)
    shown = [f"{field:<{width}}  {_scored(each)}" for field, each in fields.items() if isinstance(each, dict)]
    return ["", section(f"{name}, field by field"), *shown]
