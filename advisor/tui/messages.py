"""What background work tells the screen. Workers post these; they never touch a widget."""

from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from advisor.answers import Answers
    from advisor.base.errors import AdvisorError
    from advisor.decision.result import Decision
    from advisor.tui.places.watching import Reading
    from advisor.tui.session import Session


class Opened(Message):
    """The project, the rules and the prices are read."""

    def __init__(self, session: "Session") -> None:
        super().__init__()
        self.session = session


class NotOpened(Message):
    """The project cannot be read; the program leaves with this error."""

    def __init__(self, error: "AdvisorError") -> None:
        super().__init__()
        self.error = error


class Decided(Message):
    """A decision on the answers of a moment. A newer one makes it worthless."""

    def __init__(self, decision: "Decision", answers: "Answers", *, complete: bool) -> None:
        super().__init__()
        self.decision = decision
        self.answers = answers
        self.complete = complete

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Decided)


class NotDecided(Message):
    """The answers could not be decided on."""

    def __init__(self, text: str, answers: "Answers") -> None:
        super().__init__()
        self.text = text
        self.answers = answers


class DecidingEnded(Message):
    """The background worker has nothing more to decide."""

    def __init__(self, number: int) -> None:
        """`number` is the wish it has fulfilled."""
        super().__init__()
        self.number = number


class CommandSaid(Message):
    """A command that runs in its own process wrote a line to its error stream (progress). A newer line replaces it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__()
        self.name = name
        self.text = text

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, CommandSaid) and message.name == self.name


class CommandDone(Message):
    """A command that ran in its own process has ended."""

    def __init__(self, name: str, code: int, value: Any, problem: str | None) -> None:
        """`value` is the JSON it printed (None when it printed none), `problem` its error message."""
        super().__init__()
        self.name = name
        self.code = code
        self.value = value
        self.problem = problem


class RunsRead(Message):
    """What the runs of the project are doing now. A newer reading replaces it."""

    def __init__(self, reading: "Reading") -> None:
        super().__init__()
        self.reading = reading

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, RunsRead)
