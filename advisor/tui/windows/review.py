"""Review a sample of a data file row by row; each verdict is on disk at once."""

import getpass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from advisor.base.errors import AdvisorError
from advisor.tui.text import lines
from advisor.tui.windows.window import Window
from trainers.data.review.record import Verdict
from trainers.data.review.session import Item, Review, Standing


def login_name() -> str:
    """Who sits here."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user of that number
        return "reviewer"


class ReviewWindow(Window[None]):
    """One row at a time: accept, reject, correct, put off, take back. Leaving loses nothing."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", show=False),
        Binding("a", "accept", "Accept", show=False),
        Binding("r", "reject", "Reject", show=False),
        Binding("c", "correct", "Correct", show=False),
        Binding("s", "later", "Later", show=False),
        Binding("u", "take_back", "Take back", show=False),
    ]
    hint = "a accept   r reject   c correct   s later   u take back   esc closes; every verdict is saved"

    def __init__(self, review: Review, reviewer: str) -> None:
        super().__init__(f"Review of {Path(review.record.file).name}")
        self._review = review
        self._reviewer = reviewer
        self._waiting = review.waiting(reviewer)
        self._said: list[Item] = []
        self._writing: Verdict | None = None
        """What the line of text is for: the comment of a rejection or the right answer."""

    def body(self) -> ComposeResult:
        yield Static(id="review-place")
        with VerticalScroll(id="review-row", can_focus=False):
            yield Static(id="review-text")
        yield Static(id="review-prompt")
        yield Input(id="review-input", select_on_focus=False)
        yield Static(id="review-standing")

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        """The row that waits, or that there is none."""
        writing = self._writing is not None
        self.query_one("#review-prompt").display = writing
        self.query_one(Input).display = writing
        self.query_one("#review-place", Static).update(self._place())
        self.query_one("#review-text", Static).update(_row_parts(self._waiting[0]) if self._waiting else "")
        self.query_one("#review-row", VerticalScroll).scroll_home(animate=False)
        self.query_one("#review-standing", Static).update(_standing_words(self._review.standing()))
        self.set_focus(self.query_one(Input) if writing else None)

    def _place(self) -> Content:
        if not self._waiting:
            return Content.styled(f"{self._reviewer} has looked at all {len(self._review.items)} rows", "bold")
        item = self._waiting[0]
        return Content.assemble(
            (f"row {item.number} of {len(self._review.items)}", "bold"), f"   {item.id}   {item.stratum}"
        )

    def action_leave(self) -> None:
        """Leave the line of text, or the window."""
        if self._writing is None:
            self.close(None)
            return
        self._writing = None
        self._show()

    def action_accept(self) -> None:
        self._say(Verdict.ACCEPT)

    def action_reject(self) -> None:
        self._write(Verdict.REJECT, "What is wrong with it? (may be empty; enter rejects, esc goes back)", "")

    def action_correct(self) -> None:
        if not self._waiting:
            return
        answer = self._waiting[0].answer
        if "\n" in answer:
            self._remark("This answer has several lines: correct it in a sheet (advisor data review --export).")
            return
        self._write(Verdict.CORRECT, "The right answer (enter takes it, esc goes back)", answer)

    def action_later(self) -> None:
        """Put the row behind the others."""
        self._waiting = [*self._waiting[1:], *self._waiting[:1]]
        self._show()

    def action_take_back(self) -> None:
        """Judge the row before this one again; its verdict stands until then."""
        if self._said:
            self._waiting = [self._said.pop(), *self._waiting]
            self._show()

    def _write(self, verdict: Verdict, prompt: str, value: str) -> None:
        if not self._waiting:
            return
        self._writing = verdict
        self.query_one("#review-prompt", Static).update(Content(prompt))
        field = self.query_one(Input)
        field.value = value
        field.cursor_position = len(value)
        self._show()

    @on(Input.Submitted, "#review-input")
    def _written(self, event: Input.Submitted) -> None:
        verdict, text = self._writing, event.value.strip()
        self._writing = None
        if verdict == Verdict.CORRECT:
            self._say(verdict, answer=text)
        elif verdict is not None:
            self._say(verdict, comment=text)

    def _say(self, verdict: Verdict, *, comment: str | None = None, answer: str | None = None) -> None:
        if not self._waiting:
            return
        item = self._waiting[0]
        try:
            self._review.say(self._reviewer, item.id, verdict, comment=comment, answer=answer)
        except AdvisorError as error:
            self._remark(str(error))
        else:
            self._said.append(self._waiting.pop(0))
        self._show()

    def _remark(self, text: str) -> None:
        self.app.notify(text, severity="warning", markup=False)


def _row_parts(item: Item) -> Content:
    parts: list[Content | str] = []
    if item.instructions:
        parts += [Content.styled("Instructions", "bold"), item.instructions, ""]
    parts += [Content.styled("Question", "bold"), item.question, "", Content.styled("Answer", "bold"), item.answer]
    return lines(parts)


def _standing_words(standing: Standing) -> Content:
    plan = standing.plan
    glyph, style = {
        "proven": ("● ", "$text-success"),
        "not_proven": ("■ ", "$text-error"),
    }.get(standing.outcome, ("▲ ", "$text-warning"))
    count = f"{standing.reviewed} of {plan.sample} reviewed, {standing.bad} bad ({plan.allowed_bad} may be). "
    return Content.assemble((glyph, style), count, standing.advice.capitalize() + ".")
