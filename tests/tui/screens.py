"""A terminal to test with: the real app under a Pilot, real keys, and the screen as plain text."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

from textual.pilot import Pilot

from advisor.answers import load_answers_file
from advisor.project import Project
from advisor.tui.app import AdvisorApp
from advisor.tui.places.interview import InterviewPlace

TODAY = date(2026, 11, 24)
SMALL, LARGE = (80, 24), (120, 40)
EXAMPLES = Path(__file__).parents[2] / "examples"
_PATIENCE_S = 45.0


class Terminal:
    """The running app: press keys, read the screen."""

    def __init__(self, app: AdvisorApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys one after the other; each is dealt with before the next."""
        for key in keys:
            await self.pilot.press(key)

    async def type(self, text: str) -> None:
        """Type a text."""
        names = {" ": "space", ".": "full_stop", "-": "minus", "$": "dollar_sign", "%": "percent_sign", ",": "comma"}
        await self.pilot.press(*(names.get(character, character) for character in text))
        await self.pilot.pause()

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until something holds; fails with the screen when it never does."""
        for _ in range(int(_PATIENCE_S / 0.05)):
            if condition():
                await self.pilot.pause()
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"never came true: {what or condition}\n{self.text()}")

    async def decided(self) -> None:
        """Wait until there is a complete decision on the present answers."""
        session = self.app.session
        assert session is not None
        await self.until(lambda: session.up_to_date and session.complete, "a complete decision")

    async def asked(self, fact: str) -> None:
        """Go to the question of a fact."""
        await self.app.go_to_question(fact)
        await self.pilot.pause()

    @property
    def question(self) -> str | None:
        """The fact that is asked now."""
        place = self.app.open_place
        assert isinstance(place, InterviewPlace)
        return None if place.question is None else place.question.fact.id

    def text(self) -> str:
        """The screen as plain text, one line a row."""
        strips = self.app.screen._compositor.render_strips(self.app.size)
        return "\n".join(strip.text.rstrip() for strip in strips)

    def says(self) -> str:
        """The screen as running text, so that wrapping does not matter."""
        return " ".join(self.text().replace("│", " ").split())


@asynccontextmanager
async def terminal(folder: Path, size: tuple[int, int] = SMALL, *, opened: bool = True) -> AsyncIterator[Terminal]:
    """The app on `folder`. A bug in it fails the test."""

    def report(error: BaseException) -> Path:
        raise AssertionError("the app reported a bug") from error

    app = AdvisorApp(folder, TODAY, report_bug=report)
    async with app.run_test(size=size, notifications=True) as pilot:
        shown = Terminal(app, pilot)
        if opened:
            await shown.until(lambda: app.session is not None, "the project is open")
            await pilot.pause()
        yield shown


def example(folder: Path, name: str = "support-desk", *, title: str | None = None) -> Project:
    """A project made from a shipped example."""
    project = Project.create(folder, name=title)
    file = EXAMPLES / f"{name}.yaml"
    project.import_answers(load_answers_file(file, project.facts), source=file.name)
    return project
