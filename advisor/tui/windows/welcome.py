"""The first window in a folder without a project: make one, empty or from a shipped example."""

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Static

import advisor
from advisor.base.errors import AdvisorError
from advisor.tui.text import lines
from advisor.tui.widgets.frame import show_pairs
from advisor.tui.widgets.rows import Row, Rows

_EMPTY = "Start with no answers"


class Welcome(Screen[Path]):
    """Asks for a folder and what to start from; returns the folder of the new project, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave the field or the program", show=False),
    ]

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._examples = example_files()

    def compose(self) -> ComposeResult:
        with Vertical(id="welcome"):
            yield Static(Content.styled("Prompt, RAG or fine-tune, and what will it cost?", "bold"))
            yield Static(
                f"There is no project in {self._folder.resolve()} yet. A project is a folder of plain files.\n",
                markup=False,
            )
            yield Static(Content.styled("Folder for the new project", "$secondary"))
            yield Input(self._suggestion(), id="folder")
            yield Static(Content.styled("Start from (arrows choose, Enter makes the project)", "$secondary"))
            yield Rows(self._rows(), id="start")
            yield Static(id="problem")
            yield Static(show_pairs([("enter", "make it"), ("tab", "next part"), ("ctrl+q", "leave")]))

    def _suggestion(self) -> str:
        here = self._folder
        if not here.exists():
            return str(here)
        taken = (f"project-{n}" if n > 1 else "project" for n in range(1, 1000))
        return str(here / next(name for name in taken if not (here / name).exists()))

    def _rows(self) -> list[Row]:
        return [Row(_EMPTY), *(Row(f"Example: {_title(path)}", note=_says(path)) for path in self._examples)]

    def on_mount(self) -> None:
        field = self.query_one("#folder", Input)
        field.focus()
        field.cursor_position = len(field.value)

    @on(Input.Submitted, "#folder")
    def _to_start(self) -> None:
        self.query_one("#start", Rows).focus()

    @on(Rows.LeftAtTop)
    def _to_folder(self) -> None:
        self.query_one("#folder", Input).focus()

    @on(Rows.Chosen, "#start")
    def _make(self, event: Rows.Chosen) -> None:
        name = self.query_one("#folder", Input).value.strip()
        example = self._examples[event.index - 1] if event.index else None
        if not self.is_current:
            return
        try:
            self.dismiss(make_project(name, example))
        except AdvisorError as error:
            self._problem(error)

    def _problem(self, error: AdvisorError) -> None:
        where = f"{error.where}: " if error.where else ""
        parts = [Content.assemble(("■ ", "$text-error"), f"{where}{error.what}")]
        if error.fix:
            parts.append(Content.styled(f"  {error.fix}", "$secondary"))
        self.query_one("#problem", Static).update(lines(parts))
        self.query_one("#folder", Input).focus()

    def action_leave(self) -> None:
        if isinstance(self.focused, Input):
            self.query_one("#start", Rows).focus()
        else:
            self.dismiss(None)


def make_project(folder: str, example: Path | None) -> Path:
    """Make a project in `folder`, with the answers of `example`. Raises `AdvisorError`; then nothing was made."""
    from advisor.answers import load_answers_file
    from advisor.base.errors import UsageError
    from advisor.project import Project
    from rules.load import load_rules

    if not folder:
        raise UsageError("no folder is named", fix="type the name of a new folder")
    path = Path(folder).expanduser()
    answers = load_answers_file(example, load_rules().facts) if example else None
    project = Project.create(path)
    if answers is not None:
        project.import_answers(answers, source=str(example))
    return path


def example_files() -> list[Path]:
    """The shipped answer files: beside the packages in a clone."""
    folder = Path(advisor.__file__).resolve().parents[1] / "examples"
    return sorted([*folder.glob("*.yaml"), *folder.glob("*/answers.yaml")]) if folder.is_dir() else []


def _title(path: Path) -> str:
    """A name for people: the file's, or its folder's when the file is just called `answers`."""
    name = path.parent.name if path.stem == "answers" else path.stem
    return name.replace("-", " ")


def _says(path: Path) -> str:
    """The first comment or description line of an example, if it has one."""
    from advisor.base.files import read_text

    try:
        text = read_text(path)
    except AdvisorError:
        return ""
    for line in text.splitlines():
        if line.startswith(("#", "description:")):
            said = line.lstrip("# ").removeprefix("description:").strip(" \"'")
            return said if len(said) <= 120 else said[:117] + "..."
    return ""
