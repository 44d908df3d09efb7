"""The interview without a face: which question comes now, what was answered, and how to go back.

Both faces (TUI and plain prompts) drive the same `Interview`; it never prints. Every answer is in the store when
`answer` or `skip` returns. A question is open while its fact has no value, was not declined, and its `ask_when`
is not false; a condition that is not known yet makes the question wait until what it rests on has been asked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from advisor.answers import Answer, Answers, Origin, plain_value
from advisor.assumed import assumed_text
from advisor.contradictions import Contradiction, contradictions
from advisor.journal import Line
from rules.facts import Fact

OrderBy = Callable[[Answers, Sequence[Fact]], Sequence[str]]
"""Given the answers and the open facts: their ids, the one worth most first; those left out come after, in order."""


class AnswerStore(Protocol):
    """Where answers are kept. `advisor.project.Project` is one; `MemoryStore` is another."""

    def answers(self) -> Answers: ...
    def trail(self) -> list[str]: ...
    def set(self, fact: str, value: Any, *, source: str | None = None) -> Line | None: ...
    def undo(self) -> Line | None: ...
    def redo(self) -> Line | None: ...


class MemoryStore:
    """Answers that live as long as the process, with undo."""

    def __init__(self, answers: Answers | None = None) -> None:
        self._states = [answers or Answers()]
        self._lines: list[Line] = []
        self._undone: list[tuple[Answers, Line]] = []

    def answers(self) -> Answers:
        return self._states[-1]

    def trail(self) -> list[str]:
        return list(dict.fromkeys(fact for line in self._lines for fact in line.facts))

    def set(self, fact: str, value: Any, *, source: str | None = None) -> Line:
        now = self._states[-1]
        self._states.append(now.declining(fact) if value is None else now.with_(fact, Answer(value, source=source)))
        line = Line(v=1, id=len(self._lines) + 1, at="", do="set", facts={fact: plain_value(value)}, source=source)
        self._lines.append(line)
        self._undone.clear()
        return line

    def undo(self) -> Line | None:
        if not self._lines:
            return None
        self._undone.append((self._states.pop(), self._lines.pop()))
        return self._undone[-1][1]

    def redo(self) -> Line | None:
        if not self._undone:
            return None
        answers, line = self._undone.pop()
        self._states.append(answers)
        self._lines.append(line)
        return line


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the interview has come, in questions."""

    answered: int
    declined: int
    open: int


@dataclass(frozen=True, slots=True)
class Question:
    """One question as a face shows it."""

    fact: Fact
    number: int
    """1 for the first question asked."""
    current: Answer | None
    """The answer that stands, when one goes back to it."""
    declined: bool
    assumed: str | None
    """What is assumed when it is skipped, in words; None when nothing is."""
    assumed_source: str | None
    """Where that assumption comes from."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of an answer."""

    answer: Answer | None
    """The answer that stands now (a measured value stays above an answered one)."""
    note: str | None
    contradictions: tuple[Contradiction, ...]


class Interview:
    """Asks about the facts of `facts`, keeping the answers in `store`.

    `order_by` chooses among the open questions (the decision engine's value of information); without it they come
    in the order of their files.
    """

    def __init__(
        self,
        store: AnswerStore,
        facts: Mapping[str, Fact],
        order_by: OrderBy | None = None,
        settled: Callable[[Answers], bool] | None = None,
    ) -> None:
        self.store = store
        self.facts = facts
        self.order_by = order_by
        self.settled = settled
        self.ask_all = False
        """Ask on although no answer could change the recommendation any more."""
        self._visiting: str | None = None

    @property
    def answers(self) -> Answers:
        return self.store.answers()

    def open_facts(self) -> list[Fact]:
        """The questions still to ask, the next one first."""
        answers = self.answers
        open_, waiting = list[Fact](), list[Fact]()
        for fact in sorted(self.facts.values(), key=lambda fact: (fact.order, fact.id)):
            if fact.id in answers or fact.id in answers.declined:
                continue
            condition = _asks(fact, answers)
            if condition is not False:
                (waiting if condition is None and self._may_settle(fact, answers) else open_).append(fact)
        return self._ranked(answers, open_) + waiting

    def _may_settle(self, fact: Fact, answers: Answers) -> bool:
        """Whether a question that the condition rests on is still to be asked."""
        names = fact.ask_when.names if fact.ask_when else frozenset[str]()
        return any(name in self.facts and name not in answers and name not in answers.declined for name in names)

    def _ranked(self, answers: Answers, facts: list[Fact]) -> list[Fact]:
        if self.order_by is None or not facts:
            return facts
        by_id = {fact.id: fact for fact in facts}
        first = [by_id.pop(name) for name in self.order_by(answers, facts) if name in by_id]
        return first + list(by_id.values())

    def current(self) -> Question | None:
        """The question to show now: the one gone back to, else the next open one; None when all is asked."""
        if self._visiting is not None:
            return self._question(self._visiting)
        if self._may_stop():
            return None
        facts = self.open_facts()
        return self._question(facts[0].id) if facts else None

    def _may_stop(self) -> bool:
        """Whether the answers are enough: what is still open could not change the recommendation."""
        return not self.ask_all and self.settled is not None and self.settled(self.answers)

    next_question = current

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to ask: no question is open, or none could matter."""
        return self._may_stop() or not self.open_facts()

    def progress(self) -> Progress:
        answers = self.answers
        return Progress(len(answers), len(answers.declined), len(self.open_facts()))

    def parse(self, fact: str, raw: Any) -> Any:
        """`raw` (text a person typed, or a plain value) as a value of the fact. Raises `InvalidDataError`."""
        from advisor.typed import parse_typed

        return parse_typed(self.facts[fact], raw)

    def answer(self, fact: str, raw: Any) -> Reply:
        """Record an answer and move on. Raises `InvalidDataError`; then nothing has changed."""
        value = self.parse(fact, raw)
        self.store.set(fact, value)
        self._advance(fact)
        return self._reply(fact, value)

    def skip(self, fact: str) -> Reply:
        """Record "I don't know" and move on."""
        self.store.set(fact, None)
        self._advance(fact)
        return self._reply(fact, None)

    def keep(self, fact: str) -> None:
        """Move on and leave the answer as it is."""
        self._advance(fact)

    def _reply(self, fact: str, value: Any) -> Reply:
        answers = self.answers
        standing = answers.get(fact)
        note = None
        if standing is not None and standing.origin is Origin.MEASURED:
            note = "recorded, but the measured value stands above it (`advisor answers unset` drops it)"
        found = tuple(c for c in contradictions(answers, self.facts) if fact in c.facts)
        return Reply(standing, note, found)

    def _advance(self, fact: str) -> None:
        """Step forward along the trail, or back to the open questions from its end."""
        if self._visiting is None:
            return
        trail = self._trail()
        place = trail.index(fact) + 1 if fact in trail else len(trail)
        self._visiting = trail[place] if place < len(trail) else None

    def _trail(self) -> list[str]:
        return [fact for fact in self.store.trail() if fact in self.facts]

    def back(self) -> Question | None:
        """Go to the question before this one, with its answer; None at the first. Nothing is taken back."""
        trail = self._trail()
        here = trail.index(self._visiting) if self._visiting in trail else len(trail)
        if here == 0:
            return None
        self._visiting = trail[here - 1]
        return self._question(self._visiting)

    def go(self, fact: str) -> Question:
        """Show one question, whatever comes next."""
        self._visiting = fact
        return self._question(fact)

    def undo(self) -> Line | None:
        """Take the latest change back and return to its question."""
        line = self.store.undo()
        if line is not None:
            self._visiting = (
                next((fact for fact in line.facts if fact in self.facts), None) if line.do == "set" else None
            )
        return line

    def redo(self) -> Line | None:
        """Take the latest undo back."""
        line = self.store.redo()
        if line is not None:
            self._visiting = None
        return line

    def _question(self, fact: str) -> Question:
        answers, trail = self.answers, self._trail()
        number = trail.index(fact) + 1 if fact in trail else len(trail) + 1
        chosen = self.facts[fact]
        assumed = assumed_text(chosen, answers.value)
        source = chosen.assume.source if chosen.assume and assumed else None
        return Question(chosen, number, answers.get(fact), fact in answers.declined, assumed, source)


def _asks(fact: Fact, answers: Answers) -> bool | None:
    """Whether the fact's condition holds: True, False, or None while that is not known."""
    if fact.ask_when is None:
        return True
    found = fact.ask_when.evaluate(answers.value)
    return None if found is None else bool(found)
