"""What background work tells the screen. Workers post these; they never touch a widget."""

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from advisor.base.errors import AdvisorError
    from advisor.decision.result import Decision
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

    def __init__(self, decision: "Decision") -> None:
        super().__init__()
        self.decision = decision

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, Decided)


class NotDecided(Message):
    """The answers could not be decided on."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class CommandDone(Message):
    """A command that ran in its own process has ended."""

    def __init__(self, name: str, code: int, out: str, err: str) -> None:
        super().__init__()
        self.name = name
        self.code = code
        self.out = out
        self.err = err
