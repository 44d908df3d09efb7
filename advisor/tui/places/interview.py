"""The interview: one question at a time, the leaning beside it."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from advisor.base.errors import AdvisorError
from advisor.tui.actions import bindings
from advisor.tui.explain import explain_question
from advisor.tui.places.asking import answer_widget, answer_words, how_to_answer, shown
from advisor.tui.places.place import Place
from advisor.tui.session import clock
from advisor.tui.text import lines
from advisor.tui.widgets.entry import Entry, Field
from advisor.tui.widgets.frame import TopLine
from advisor.tui.widgets.leaning import LeaningPanel
from advisor.tui.widgets.rows import WIDE, Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from advisor.interview import Question, Reply
    from advisor.tui.explain import Explanation
    from advisor.tui.session import Session


class InterviewPlace(Place):
    """Asks; every answer is on disk before the next question is shown."""

    place = "interview"
    BINDINGS: ClassVar[list[BindingType]] = bindings("interview")

    def __init__(self) -> None:
        super().__init__()
        self.question: Question | None = None
        """The question on the screen. It stays until it is answered, whatever the decision says meanwhile."""
        self._asking = asyncio.Lock()
        self._asked = False
        self._untouched = True
        """Nobody has pressed a key yet, so the first decision may still choose a better first question."""
        self._note = Content("")
        self._asked_with: Widget | None = None
        """What takes the answer. What an earlier one still sends (a key pressed twice) is not for this question."""

    def body(self) -> ComposeResult:
        with Horizontal():
            yield VerticalScroll(id="question")
            yield LeaningPanel()

    async def show(self) -> None:
        session = self.session
        if session is None:
            return
        self.query_one(LeaningPanel).show(session)
        if not self._asked or self.question is None or self._better_first_question(session):
            await self.ask()
        else:
            self._show_clashes(session)

    def _better_first_question(self, session: "Session") -> bool:
        if not self._untouched or session.decision is None or self.question is None:
            return False
        self._untouched = False
        field = self.query(Field)
        now = session.interview.current()
        return not (field and field.first().value) and (now is None or now.fact.id != self.question.fact.id)

    def on_key(self) -> None:
        self._untouched = False

    async def ask(self) -> None:
        """Put the interview's current question on the screen."""
        session = self.session
        if session is None:
            return
        # Keys and a new decision may both want the next question at the same moment.
        async with self._asking:
            self.question = session.interview.current()
            self._asked = True
            area = self.query_one("#question", VerticalScroll)
            with self.app.batch_update():
                await area.remove_children()
                await area.mount_all(self._widgets(session))
            area.scroll_home(animate=False)
            self._show_clashes(session)
            self._show_note()
            self._focus_answer()

    def _widgets(self, session: "Session") -> list[Widget]:
        question = self.question
        if question is None:
            return [_finished(session)]
        fact = question.fact
        self._asked_with = answer_widget(question, session)
        return [
            Static(Content.styled(f"{question.number}. {fact.question}", "bold"), id="asked"),
            Static(Content.styled(fact.why, "$secondary"), id="why-asked"),
            self._asked_with,
            *([Static(id="note")] if any(choice.help for choice in fact.choices) else []),
            Static(id="problem"),
            Static(_standing(question, wide=self.app.size.width >= WIDE), id="standing"),
            Static(id="clashes"),
        ]

    def _focus_answer(self) -> None:
        for kind in (Field, Rows):
            found = self.query("#question").first().query(kind)
            if found:
                found.first().focus()
                return
        self.query_one("#question").focus()

    def _show_clashes(self, session: "Session") -> None:
        from advisor.contradictions import contradictions

        found = contradictions(session.answers, session.project.facts)
        parts = [self._note] if self._note else []
        for clash in found:
            parts.append(Content.assemble(("▲ ", "$text-warning"), ("Careful: ", "bold"), clash.text))
            parts.append(Content.styled(f"  {clash.fix}", "$secondary"))
        for area in self.query("#clashes").results(Static):
            area.display = bool(parts)
            area.update(lines(parts))

    @on(Rows.Moved, "#choices")
    def _show_note(self) -> None:
        """On a narrow screen: the remark on the choice under the cursor."""
        for rows in self.query("#choices").results(Rows):
            note = rows.rows[rows.cursor].note if rows.rows else ""
            for area in self.query("#note").results(Static):
                area.update(Content.styled(note, "$secondary"))

    @on(Rows.Chosen, "#choices")
    async def _chose(self, event: Rows.Chosen) -> None:
        question = self.question
        if question is None or event.rows is not self._asked_with:
            return
        fact = question.fact
        value: object = event.index == 0 if fact.type == "bool" else fact.choices[event.index].value
        await self._record(lambda session: session.interview.answer(fact.id, value))

    @on(Entry.Entered)
    async def _entered(self, event: Entry.Entered) -> None:
        question = self.question
        if question is None or event.entry is not self._asked_with:
            return
        fact = question.fact
        if not event.text and (question.current is not None or question.declined):
            await self._do(lambda session: session.interview.keep(fact.id))
        elif not event.text:
            self._problem("nothing is entered yet", how_to_answer(fact))
        else:
            await self._record(lambda session: session.interview.answer(fact.id, event.text))

    async def _record(self, act: "Callable[[Session], Reply]") -> None:
        """Do something that saves an answer, then ask on and decide again."""
        session = self.session
        if session is None:
            return
        try:
            reply = act(session)
            session.reload()
        except AdvisorError as error:
            session.unsaved = error.what if error.exit_code != 3 else session.unsaved
            self.query_one(TopLine).show(session)
            self._problem(error.what, error.fix)
            return
        session.unsaved, session.saved_at = None, clock()
        self._note = Content.styled(reply.note, "$text-warning") if reply.note else Content("")
        await self._moved()

    async def _do(self, act: "Callable[[Session], object]") -> object:
        """Do something that may move to another question; returns what it returned."""
        session = self.session
        if session is None:
            return None
        try:
            done = act(session)
            session.reload()
        except AdvisorError as error:
            self._problem(error.what, error.fix)
            return None
        self._note = Content("")
        await self._moved()
        return done

    async def _moved(self) -> None:
        self.program.decide_soon()
        await self.ask()
        await self.refresh_place()

    def _problem(self, what: str, fix: str | None) -> None:
        if self.question is not None:
            what = what.removeprefix(f"{self.question.fact.id}: ")
        parts = [Content.assemble(("■ ", "$text-error"), ("Not taken: ", "bold"), what)]
        if fix:
            parts.append(Content.styled(f"  {fix}", "$secondary"))
        for reading in self.query("#reading").results(Static):
            reading.update("")
        for area in self.query("#problem").results(Static):
            area.display = True
            area.update(lines(parts))
            area.scroll_visible(animate=False)
        if not self.query("#problem"):
            self.program.say(what, bad=True)

    def action_leave_field(self, to_offers: bool) -> None:
        """Out of the text field: into the offers below it, or to where letters are commands again."""
        offers = self.query("#offers")
        if offers:
            offers.first().focus()
        elif not to_offers:
            self.query_one("#question").focus()

    def action_to_field(self) -> None:
        self._focus_answer()

    async def action_back(self) -> None:
        if await self._do(lambda session: session.interview.back()) is None:
            self.program.say("This is the first question.")

    async def action_undo(self) -> None:
        if await self._do(lambda session: session.interview.undo()) is None:
            self.program.say("Nothing left to undo.")
        else:
            self._just_saved()

    async def action_redo(self) -> None:
        if await self._do(lambda session: session.interview.redo()) is None:
            self.program.say("Nothing to redo.")
        else:
            self._just_saved()

    def _just_saved(self) -> None:
        if self.session is not None:
            self.session.saved_at = clock()

    async def action_skip(self) -> None:
        question = self.question
        if question is not None:
            await self._record(lambda session: session.interview.skip(question.fact.id))

    async def action_ask_all(self) -> None:
        session = self.session
        if session is None:
            return
        session.interview.ask_all = not session.interview.ask_all
        on = session.interview.ask_all
        self.program.say("Every open question is asked." if on else "Only questions that can still matter are asked.")
        if self.question is None or not on:
            await self.ask()

    async def go_to(self, fact: str) -> None:
        """Show one question, whatever comes next."""
        await self._do(lambda session: session.interview.go(fact))

    def why(self) -> "Explanation | None":
        session, question = self.session, self.question
        return None if session is None or question is None else explain_question(question, session)

    def command_line(self) -> str | None:
        session, question = self.session, self.question
        if session is None:
            return None
        if question is not None and question.current is not None:
            return session.command("answers", "set", question.fact.id, answer_words(question.current.value))
        return session.command("ask")


def _standing(question: "Question", *, wide: bool) -> Content:
    """What holds now, and what is assumed when the question is skipped."""
    parts: list[Content | str] = []
    if question.current is not None:
        current = question.current
        origin = current.origin.value + (f", {current.source}" if current.source else "")
        parts.append(
            Content.assemble(
                ("Now: ", "$secondary"), (shown(current.value, question.fact), "bold"), f" ({origin}); Enter keeps it."
            )
        )
    elif question.declined:
        parts.append(Content.assemble(("Now: ", "$secondary"), ("I don't know", "bold"), "; Enter keeps it."))
    if question.assumed is None:
        parts.append(Content.styled("If skipped (s): nothing is assumed.", "$secondary"))
    else:
        source = f" [{short_source(question.assumed_source, wide=wide)}]" if question.assumed_source else ""
        assumed = short_mixture(question.assumed, wide=wide)
        parts.append(Content.assemble(("If skipped (s): ", "$secondary"), assumed, (source, "$secondary")))
    return lines(parts)


def short_mixture(assumed: str, *, wide: bool) -> str:
    """The likeliest choices of a mixture; the key `w` shows all of them."""
    parts, most = assumed.split(", "), 4 if wide else 2
    if len(parts) <= most + 1 or not all(part.endswith("%") for part in parts):
        return assumed
    return f"{', '.join(parts[:most])} and {len(parts) - most} more"


def short_source(source: str, *, wide: bool) -> str:
    """The source up to its first colon where there is little room; the key `w` shows all of it."""
    short = source.partition(":")[0]
    return source if wide or len(source) <= 20 else f"{short if len(short) <= 30 else short[:29] + '…'}, w"


def _finished(session: "Session") -> Static:
    """What the interview shows when there is nothing left to ask."""
    from advisor.tui.widgets.frame import show_pairs

    settled = session.decision is not None and session.decision.settled and session.interview.open_facts()
    said = (
        "No further answer could change the recommendation."
        if settled
        else "Every question that applies has been asked."
    )
    keys = [("2", "recommendation"), ("l", "all answers"), ("b", "back")]
    if settled:
        keys.insert(1, ("a", "ask on all the same"))
    return Static(
        lines(
            [Content.assemble(("● ", "$text-success"), ("The interview is done. ", "bold"), said), "", show_pairs(keys)]
        ),
        id="finished",
    )
