"""Every question with its answer; choosing one goes to it."""

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content

from advisor.tui.places.asking import shown
from advisor.tui.widgets.rows import WIDE, Row, Rows
from advisor.tui.windows.window import Window

if TYPE_CHECKING:
    from advisor.tui.session import Session
    from rules.facts import Fact

_GLYPHS = {"measured": "◆", "answered": "●", "imported": "◇"}


class AnswersWindow(Window[str]):
    """Facts by group: answered, unknown or still open. Returns the fact id that was chosen."""

    hint = "enter goes there, esc closes   ● answered ◇ imported ◆ measured ○ open"

    def __init__(self, session: "Session") -> None:
        super().__init__("All questions and answers")
        self._session = session
        self._facts: list[Fact | None] = []

    def body(self) -> ComposeResult:
        yield Rows(self._rows(), id="facts")

    def _rows(self) -> list[Row]:
        facts = sorted(self._session.project.facts.values(), key=lambda fact: (fact.order, fact.id))
        width = max(len(fact.label) for fact in facts)
        rows: list[Row] = []
        group = None
        for fact in facts:
            if fact.group != group:
                group = fact.group
                rows.append(Row(Content.styled(group.capitalize(), "bold underline"), heading=True))
                self._facts.append(None)
            rows.append(Row(self._text(fact, width)))
            self._facts.append(fact)
        return rows

    def _text(self, fact: "Fact", width: int) -> Content:
        answer = self._session.answers.get(fact.id)
        label = f"{fact.label:<{width}}  "
        if answer is not None:
            value = shown(answer.value, fact)
            origin = f" ({answer.origin.value})" if self.app.size.width >= WIDE else ""
            return Content.assemble(f"{_GLYPHS[answer.origin.value]} {label}", (value, "bold"), origin)
        if fact.id in self._session.answers.declined:
            return Content.assemble(f"- {label}", ("I don't know", "$secondary"))
        return Content.assemble(f"○ {label}", ("open", "$secondary"))

    def on_mount(self) -> None:
        self.query_one(Rows).focus()

    @on(Rows.Chosen, "#facts")
    def _chosen(self, event: Rows.Chosen) -> None:
        fact = self._facts[event.index]
        if fact is not None:
            self.close(fact.id)
