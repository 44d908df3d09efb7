"""Data: the project's files, what a check finds in them, and holding test rows out."""

import json
from collections.abc import Callable
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
from advisor.tui.places.files import DataFile, data_files, size_words
from advisor.tui.places.place import Place
from advisor.tui.text import lines
from advisor.tui.widgets.frame import show_pairs
from advisor.tui.widgets.table import Column, Table

_FILES = (
    Column("File", flexible=True),
    Column("Use"),
    Column("Rows", right=True),
    Column("Size", right=True),
    Column("Changed", wide=True),
)
_FINDINGS = (
    Column("Severity"),
    Column("Rows", right=True),
    Column("Finding", flexible=True),
    Column("Code", wide=True),
)
_GLYPHS = {"error": "■ error", "warning": "▲ warning", "info": "○ info"}
_CHECK, _SPLIT = "data-check", "data-split"


class DataPlace(Place):
    """Files above, findings of the file last checked below."""

    place = "data"
    BINDINGS: ClassVar[list[BindingType]] = bindings("data")

    def __init__(self) -> None:
        super().__init__()
        self._files: list[DataFile] = []
        self._checked: Path | None = None
        self._findings: list[dict[str, Any]] = []
        self._result: Content | None = None

    def body(self) -> ComposeResult:
        yield Static(id="headline")
        with Vertical(id="panes"):
            yield Table(_FILES, id="files")
            yield Static(id="result")
            yield Table(_FINDINGS, id="findings")
            with VerticalScroll(id="finding", can_focus=False):
                yield Static(id="finding-text")

    async def show(self) -> None:
        session = self.session
        if session is None:
            return
        self._files = data_files(session.project.data_folder)
        self.query_one("#headline", Static).update(self._headline(session.project.data_folder))
        files = self.query_one("#files", Table)
        files.show([_file_cells(file) for file in self._files])
        files.display = bool(self._files)
        if self._files and self.focused is None:
            files.focus()
        self._show_result()

    def _headline(self, folder: Path) -> Content:
        if not self._files:
            keys = [("i", "bring in a file"), ("w", "what a file looks like")]
            return lines([f"No data yet. Put JSONL or CSV files into {folder}, or bring one in.", show_pairs(keys)])
        if not any(file.use == "training" for file in self._files):
            return lines(["Check a file, then split it: test rows are held out and frozen, the rest is for training."])
        return Content("Training and test rows are split. A run is planned in 5 Runs.")

    def _show_result(self) -> None:
        commands = self.program.commands
        result = self._result
        for name, doing in ((_CHECK, "checking"), (_SPLIT, "splitting")):
            if commands.running(name):
                result = Content(f"{doing} ... {commands.said(name) or ''}")
        self.query_one("#result", Static).update(result or "")
        self.query_one("#result").display = result is not None
        table = self.query_one("#findings", Table)
        table.show([_finding_cells(finding) for finding in self._findings])
        table.display = bool(self._findings)
        self.query_one("#finding").display = bool(self._findings)
        self._show_finding()

    @on(Table.Moved, "#findings")
    def _show_finding(self) -> None:
        finding = self._finding()
        self.query_one("#finding-text", Static).update(lines(_finding_parts(finding)) if finding else "")

    @on(Table.Opened, "#findings")
    def _open_finding(self) -> None:
        self.program.action_why()

    @on(Table.Opened, "#files")
    def _open_file(self) -> None:
        self.action_check_data()

    def _finding(self) -> dict[str, Any] | None:
        row = self.query_one("#findings", Table).cursor_row
        return self._findings[row] if 0 <= row < len(self._findings) else None

    def _selected(self) -> DataFile | None:
        row = self.query_one("#files", Table).cursor_row
        return self._files[row] if 0 <= row < len(self._files) else None

    def action_check_data(self) -> None:
        self._start(_CHECK, lambda file: ("data", "check", str(file.path), *self._against_test(file)))

    def _against_test(self, file: DataFile) -> tuple[str, ...]:
        """Training rows are also compared with the frozen test set."""
        test = next((other.path for other in self._files if other.path.name == "test.jsonl"), None)
        return ("--test", str(test)) if test is not None and file.path.name == "train.jsonl" else ()

    def action_split_data(self) -> None:
        self._start(_SPLIT, lambda file: ("data", "split", str(file.path)))

    def action_review_data(self) -> None:
        """Draw the sample of the selected file, or go on with it."""
        file = self._selected()
        if file is None:
            self.program.say("There is no file yet; i brings one in.")
            return
        self.program.say(f"Drawing the sample of {file.path.name}")
        self.run_worker(self._review(file.path), group="review", exclusive=True)

    async def _review(self, path: Path) -> None:
        import asyncio
        from datetime import UTC, datetime

        from advisor.base.errors import AdvisorError
        from advisor.tui.windows.review import ReviewWindow, login_name
        from trainers.data.review.session import Review, ReviewRequest, review_folder, start

        session = self.session
        if session is None:
            return
        folder = session.project.folder
        place = review_folder(session.project.data_folder, str(path))

        def draw() -> Review:
            return start(ReviewRequest(str(path), go_on=True), place, now=lambda: datetime.now(UTC))

        try:
            review = await asyncio.to_thread(draw)
        except AdvisorError as error:
            self.program.say(str(error), bad=True)
            return

        def reviewed(_: None) -> None:
            from advisor.datafacts import record_review

            record_review(folder, review.standing(), str(path))
            self.program.reload_answers()

        await self.app.push_screen(ReviewWindow(review, login_name()), reviewed)

    def _start(self, name: str, words: "Callable[[DataFile], tuple[str, ...]]") -> None:
        file = self._selected()
        if file is None:
            self.program.say("There is no file yet; i brings one in.")
            return
        if name == _CHECK:
            self._checked = file.path
        if self.program.commands.start(name, *words(file)):
            self._show_result()
        else:
            self.program.say("One file at a time: the last one is not done yet.")

    def action_bring_in(self) -> None:
        from advisor.tui.windows.ask import AskWindow

        session = self.session
        if session is None:
            return
        said = (
            f"A JSONL file (one conversation or input/output pair a line) or a CSV. It is copied into "
            f"{session.project.data_folder}."
        )
        self.app.push_screen(AskWindow("Bring in a data file", said, "path of the file"), self._bring_in)

    async def _bring_in(self, text: str | None) -> None:
        from advisor.base.errors import AdvisorError
        from advisor.tui.places.files import copy_in

        session = self.session
        if not text or session is None:
            return
        try:
            path = copy_in(Path(text).expanduser(), session.project.data_folder)
        except AdvisorError as error:
            self.program.say(str(error), bad=True)
            return
        self.program.say(f"Copied to {path}")
        await self.refresh_place()

    async def command_done(self, message: CommandDone) -> None:
        if message.name == _CHECK:
            self._checked_done(message)
        elif message.name == _SPLIT:
            self._result = _split_words(message)

    def _checked_done(self, message: CommandDone) -> None:
        name = self._checked.name if self._checked else "the file"
        if not isinstance(message.value, dict):
            self._findings = []
            self._result = _failed(message)
            return
        if message.value.get("recorded"):
            self.program.say("What was measured on this file now counts as an answer (undo: 1, then u).")
        self._findings = sorted(message.value.get("findings", []), key=_severity_order)
        errors = sum(1 for finding in self._findings if finding.get("severity") == "error")
        if not self._findings:
            self._result = Content.assemble(
                ("● ", "$text-success"), ("fit to use: ", "bold"), f"nothing was found in {name}"
            )
        elif errors:
            word = "kind of error" if errors == 1 else "kinds of errors"
            self._result = Content.assemble(
                ("■ ", "$text-error"), (f"{errors} {word}", "bold"), f" in {name}; mend them first"
            )
        else:
            self._result = Content.assemble(("▲ ", "$text-warning"), ("usable, with remarks", "bold"), f" on {name}")

    def why(self) -> Explanation | None:
        finding = self._finding()
        if finding is not None:
            return Explanation(str(finding.get("code", "Finding")), tuple(_finding_parts(finding)))
        return Explanation("What a data file looks like", _LOOKS)

    def command_line(self) -> str | None:
        session, file = self.session, self._selected()
        if session is None:
            return None
        return session.command("data", "check", str(file.path)) if file else session.command("data", "check", "FILE")


_LOOKS: tuple[Content | str, ...] = (
    "One JSON object a line (JSONL). For instance a conversation:",
    "",
    json.dumps({"id": "1", "messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}),
    "",
    "The last assistant message is what the model has to learn. The check names everything else that it can read, and "
    "each row that it cannot.",
)


def _failed(message: CommandDone) -> Content:
    said = message.problem or f"it ended with exit code {message.code} and said nothing"
    return Content.assemble(("■ ", "$text-error"), ("could not: ", "bold"), said)


def _split_words(message: CommandDone) -> Content:
    if message.code or not isinstance(message.value, dict):
        return _failed(message)
    train, test = (_rows_of(message.value, name) for name in ("train", "test"))
    said = f"{train} rows to train on, {test} held out for testing" if train and test else "the test rows are held out"
    smallest = message.value.get("smallest_detectable")
    shows = f"; they show gains from {smallest * 100:.1f} points on" if isinstance(smallest, float) else ""
    return Content.assemble(("● ", "$text-success"), ("split: ", "bold"), f"{said}{shows}. Next: 5 Runs")


def _rows_of(value: dict[str, Any], part: str) -> str:
    found = value.get(part)
    rows = found.get("rows") if isinstance(found, dict) else None
    return f"{rows:,}" if isinstance(rows, int) else ""


def _severity_order(finding: dict[str, Any]) -> int:
    order = list(_GLYPHS)
    severity = str(finding.get("severity"))
    return order.index(severity) if severity in order else len(order)


def _file_cells(file: DataFile) -> list[str]:
    rows = "" if file.rows is None else f"{file.rows:,}"
    return [file.path.name, file.use, rows, size_words(file.size_bytes), f"{file.changed:%Y-%m-%d %H:%M}"]


def _finding_cells(finding: dict[str, Any]) -> list[str]:
    count = finding.get("count")
    severity = str(finding.get("severity", ""))
    return [
        _GLYPHS.get(severity, severity),
        f"{count:,}" if isinstance(count, int) else "",
        str(finding.get("message", "")).replace("\n", " "),
        str(finding.get("code", "")),
    ]


def _finding_parts(finding: dict[str, Any]) -> list[Content | str]:
    parts: list[Content | str] = [str(finding.get("message", ""))]
    if finding.get("fix"):
        parts.append(Content.assemble(("What to do: ", "bold"), str(finding["fix"])))
    where = finding.get("lines") or []
    if where:
        shown = ", ".join(str(line) for line in where[:20]) + (" ..." if len(where) > 20 else "")
        parts.append(Content.assemble(("Lines: ", "bold"), shown))
    return parts
