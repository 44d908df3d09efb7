"""The lines that frame every place: name and saved state, the places, and the keys."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.style import Style
from textual.widgets import Static

from advisor.tui.actions import PLACE_TITLES, PLACES, footer

if TYPE_CHECKING:
    from advisor.tui.session import Session


class TopLine(Horizontal):
    """The project's name on the left, what is saved on the right."""

    def compose(self) -> ComposeResult:
        yield Static(id="project-name")
        yield Static(id="saved")

    def show(self, session: "Session | None") -> None:
        """Show the project of `session`."""
        if session is None:
            self.query_one("#project-name", Static).update(Content("advisor - reading rules and prices ..."))
            return
        self.query_one("#project-name", Static).update(
            Content.assemble(("advisor ", "$secondary"), (session.project.name, "bold"))
        )
        self.query_one("#saved", Static).update(_saved(session))


def _saved(session: "Session") -> Content:
    if session.unsaved is not None:
        return Content.assemble(("■ ", "$text-error"), ("NOT SAVED", "bold"))
    answers = session.answers
    unknown = f"{len(answers.declined)} unknown, " if answers.declined else ""
    return Content.assemble(
        f"{len(answers)} answered, {unknown}{session.open_questions} open  ",
        ("● ", "$text-success"),
        ("saved", "bold"),
        f" {session.saved_at}",
    )


class PlacesLine(Static):
    """The places with their keys; the one that is open is bracketed and bold."""

    def __init__(self, place: str) -> None:
        super().__init__(_places(place))


def _places(here: str) -> Content:
    parts: list[Content | str] = []
    for number, name in enumerate(PLACES, start=1):
        title = PLACE_TITLES[name]
        go = Style.from_meta({"@click": f"app.go('{name}')"})
        text = f"[{number} {title}]" if name == here else f" {number} {title} "
        parts.append(Content.styled(text, "bold $text-primary") if name == here else Content(text).stylize(go))
    return Content("").join([part if isinstance(part, Content) else Content(part) for part in parts])


class KeyLine(Static):
    """At most six keys; the rest is in the help and in the palette."""

    def __init__(self, place: str | None) -> None:
        super().__init__()
        self._place = place

    def on_mount(self) -> None:
        self.show(letters=False, digits=False)

    def show(self, *, letters: bool, digits: bool) -> None:
        """Show the keys. While a field takes letters or digits, Esc has to be pressed first, and the line says so."""
        pairs = footer(self._place)
        if digits and not letters:
            pairs = [(f"esc {keys}" if keys == "1-6" else keys, label) for keys, label in pairs]
        parts = [Content.assemble((keys, "bold $text-primary"), " ", label) for keys, label in pairs]
        if letters:
            parts = [
                Content.assemble(("esc", "bold $text-primary"), " leaves the field; then:"),
                *parts[: len(parts) - 1],
            ]
        self.update(Content("  ").join(parts))


def show_pairs(pairs: list[tuple[str, str]]) -> Content:
    """Keys and what they do, in a line."""
    return Content("   ").join([Content.assemble((keys, "bold $text-primary"), " ", what) for keys, what in pairs])
