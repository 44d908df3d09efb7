"""What the terminal interface works on: the project, the interview, the adviser and the latest decision. No widgets."""

import shlex
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.base.files import replace_file

if TYPE_CHECKING:
    from advisor.answers import Answers
    from advisor.decision.result import Decision
    from advisor.interview import Interview
    from advisor.leaning import Adviser
    from advisor.project import Project
    from advisor.tui.decider import Decider


@dataclass(slots=True)
class Session:
    """One project open in the terminal."""

    project: "Project"
    adviser: "Adviser"
    interview: "Interview"
    answers: "Answers"
    """As last read from the disk; `reload` reads again."""
    decider: "Decider"
    open_questions: int = 0
    decision: "Decision | None" = None
    decided_on: "Answers | None" = None
    """The answers that `decision` was made on."""
    complete: bool = False
    """Whether `decision` holds flips, prices of limits and sensitivities, which take longer to compute."""
    deciding: bool = False
    problem: str | None = None
    """Why there is no decision on the present answers."""
    unsaved: str | None = None
    """Why the latest answer could not be saved."""
    saved_at: str = field(default_factory=lambda: clock())
    report: Path | None = None
    """The report written in this session."""

    @classmethod
    def open(cls, folder: Path, today: date) -> "Session":
        """Read the project, the rules and the prices. Raises `AdvisorError`."""
        from advisor.interview import Interview
        from advisor.leaning import Adviser
        from advisor.project import Project
        from advisor.tui.decider import Decider

        project = Project.open(folder)
        adviser = Adviser(project.rulebook, project.catalogue, today)
        interview = Interview(project, project.facts, adviser.last_order, adviser.last_settled)
        answers = project.answers()
        project.latest_decision()  # a broken file is told now, not later
        decider = Decider(folder, today)
        decider.start()
        return cls(project, adviser, interview, answers, decider, len(interview.open_facts()))

    def reload(self) -> None:
        """Read the answers again: a run, an evaluation or another window may have added some. Raises `AdvisorError`."""
        self.answers = self.project.answers()
        self.open_questions = len(self.interview.open_facts())

    @property
    def up_to_date(self) -> bool:
        """Whether the decision is on the present answers."""
        return self.decision is not None and self.decided_on == self.answers

    def decide(self, answers: "Answers", *, quick: bool) -> "Decision":
        """Decide on `answers`; blocks, so call it from a worker. Raises `AdvisorError` or `EngineBugError`.

        Changes are told against the decision that was saved last when the project was opened.
        """
        return self.decider.decide(answers, quick=quick)

    def take(self, decision: "Decision", answers: "Answers", *, complete: bool) -> None:
        """Make `decision` the present one: the interview orders its questions by it."""
        self.decision, self.decided_on, self.complete = decision, answers, complete
        self.adviser.last = decision
        self.problem = None
        self.deciding = not self.up_to_date

    def keep_decision(self) -> None:
        """Save the decision in the project, as `advisor decide` does, when it is complete and on the present answers.

        Raises `AdvisorError` or `OSError`.
        """
        if self.complete and self.up_to_date and self.decision is not None:
            self.project.save_decision(self.decision)

    def command(self, *words: str) -> str:
        """A command line for this project, quoted for a shell."""
        return shlex.join(["advisor", *words, "--project", str(self.project.folder)])

    def write_command(self, command: str) -> Path:
        """Leave `command` in the project folder, for terminals whose clipboard cannot be reached."""
        path = self.project.folder / "last-command.txt"
        replace_file(path, command + "\n")
        return path


def clock() -> str:
    """The time of day, for "saved 14:03:22"."""
    return f"{datetime.now():%H:%M:%S}"
