"""What the terminal interface works on: the project, the interview, the adviser and the latest decision. No widgets."""

import shlex
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.base.files import replace_file

if TYPE_CHECKING:
    from advisor.decision.result import Decision
    from advisor.interview import Interview
    from advisor.leaning import Adviser
    from advisor.project import Project


@dataclass(slots=True)
class Session:
    """One project open in the terminal."""

    project: "Project"
    adviser: "Adviser"
    interview: "Interview"
    decision: "Decision | None" = None
    problem: str | None = None
    """Why there is no decision on the present answers."""
    saved_at: str = field(default_factory=lambda: f"{datetime.now():%H:%M:%S}")

    @classmethod
    def open(cls, folder: Path, today: date) -> "Session":
        """Read the project, the rules and the prices. Raises `AdvisorError`."""
        from advisor.interview import Interview
        from advisor.leaning import Adviser
        from advisor.project import Project

        project = Project.open(folder)
        adviser = Adviser(project.rulebook, project.catalogue, today)
        interview = Interview(project, project.facts, adviser.last_order, adviser.last_settled)
        project.answers()
        return cls(project, adviser, interview)

    def decide(self) -> "Decision":
        """Decide on the answers as they are now; blocks, so call it from a worker. Raises `AdvisorError`."""
        return self.adviser.decide(self.project.answers())

    def command(self, *words: str) -> str:
        """A command line for this project, quoted for a shell."""
        return shlex.join(["advisor", *words, "--project", str(self.project.folder)])

    def write_command(self, command: str) -> Path:
        """Leave `command` in the project folder, for terminals whose clipboard cannot be reached."""
        path = self.project.folder / "last-command.txt"
        replace_file(path, command + "\n")
        return path
