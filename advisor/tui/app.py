"""The app: opens the project, decides in the background, and moves between places. No place knows another."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import ClassVar

from textual.app import App
from textual.binding import BindingType
from textual.worker import WorkerFailed

from advisor.base.errors import AdvisorError
from advisor.tui.actions import PLACES, Action, bindings
from advisor.tui.commands import Commands
from advisor.tui.deciding import decide_until_current
from advisor.tui.messages import CommandDone, CommandSaid, Decided, DecidingEnded, NotDecided, NotOpened, Opened
from advisor.tui.palette import ActionPalette
from advisor.tui.places import place_classes
from advisor.tui.places.place import Place
from advisor.tui.session import Session
from advisor.tui.theme import DARK, LIGHT, first_theme

ReportBug = Callable[[BaseException], Path]


class AdvisorApp(App[None]):
    """The full-screen interface on one project folder."""

    TITLE = "advisor"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings(None)
    COMMANDS: ClassVar[set[type[ActionPalette]]] = {ActionPalette}  # type: ignore[assignment]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    MODES = place_classes()  # type: ignore[assignment]

    def __init__(self, folder: Path, today: date, *, report_bug: ReportBug) -> None:
        super().__init__()
        self.folder = folder
        self.today = today
        self.session: Session | None = None
        self.ended_by: Exception | None = None
        """What the program has to leave with: an error in the project's files, or a bug."""
        self.commands = Commands(self)
        self._report_bug = report_bug
        self._wanted = 0
        self._deciding = False
        self._bugs: dict[str, Path] = {}
        self.animation_level = "none"

    def on_mount(self) -> None:
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = first_theme()
        from advisor.project import is_project

        if is_project(self.folder):
            self.open_project(self.folder)
        else:
            from advisor.tui.windows.welcome import Welcome

            self.push_screen(Welcome(self.folder), self._welcomed)

    def _welcomed(self, folder: Path | None) -> None:
        if folder is None:
            self.exit()
        else:
            self.open_project(folder)

    def open_project(self, folder: Path) -> None:
        """Show the interview's frame at once and read the project behind it."""
        self.folder = folder
        self.switch_mode("interview")
        self.call_after_refresh(lambda: self.run_worker(self._open, thread=True, group="open"))

    def _open(self) -> None:
        try:
            self.post_message(Opened(Session.open(self.folder, self.today)))
        except AdvisorError as error:
            self.post_message(NotOpened(error))

    async def on_opened(self, message: Opened) -> None:
        self.session = message.session
        self.decide_soon()
        await self._show()

    def on_not_opened(self, message: NotOpened) -> None:
        self.ended_by = message.error
        self.exit()

    def on_unmount(self) -> None:
        if self.session is not None:
            self.session.decider.close()

    @property
    def open_place(self) -> Place | None:
        """The place on the screen, also when a window lies over it."""
        return next((screen for screen in self.screen_stack if isinstance(screen, Place)), None)

    async def _show(self) -> None:
        place = self.open_place
        if place is not None and place.is_mounted:
            await place.refresh_place()

    def decide_soon(self) -> None:
        """Have the present answers decided on in the background; a newer wish makes an older one worthless."""
        session = self.session
        if session is None or (session.up_to_date and session.complete):
            return
        self._wanted += 1
        session.deciding = True
        if not self._deciding:
            self._deciding = True
            self.run_worker(lambda: decide_until_current(self, session), thread=True, group="decide")

    @property
    def wanted(self) -> int:
        """Grows with every wish for a decision."""
        return self._wanted

    async def on_decided(self, message: Decided) -> None:
        session = self.session
        if session is not None:
            session.take(message.decision, message.answers, complete=message.complete)
            await self._show()

    async def on_not_decided(self, message: NotDecided) -> None:
        session = self.session
        if session is not None:
            session.problem, session.deciding = message.text, False
            await self._show()

    def on_deciding_ended(self, message: DecidingEnded) -> None:
        self._deciding = False
        session = self.session
        if message.number != self._wanted:
            self.decide_soon()
        elif session is not None:
            session.deciding = False

    def bug(self, error: BaseException) -> str:
        """Report a bug that need not end the program; says where the report lies. Once for each kind of bug."""
        name = f"{type(error).__name__}: {error}"
        if name not in self._bugs:
            self._bugs[name] = self._report_bug(error)
        return f"This is our bug ({type(error).__name__}). The report is in {self._bugs[name]}"

    async def on_command_said(self, message: CommandSaid) -> None:
        await self._show()

    async def on_command_done(self, message: CommandDone) -> None:
        session = self.session
        if session is not None:
            before = session.answers
            try:
                session.reload()
            except AdvisorError as error:
                self.say(str(error), bad=True)
            if session.answers != before:
                self.decide_soon()
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, Place):
                    await screen.command_done(message)
        await self._show()

    def say(self, text: str, *, bad: bool = False) -> None:
        """A short remark in the corner; never read as markup."""
        self.notify(text, severity="error" if bad else "information", markup=False, timeout=8 if bad else 4)

    async def action_go(self, place: str) -> None:
        """Open a place (windows over the present one are left open there)."""
        if place not in PLACES or self.session is None:
            return
        self.reload_answers()
        self.switch_mode(place)

    def reload_answers(self) -> None:
        """Take in what others recorded, and decide again when it changed something."""
        session = self.session
        if session is None:
            return
        before = session.answers
        try:
            session.reload()
        except AdvisorError as error:
            self.say(str(error), bad=True)
            return
        if session.answers != before:
            self.decide_soon()

    async def run_listed(self, action: Action) -> None:
        """Do an action from the palette, in its place."""
        if action.place is not None:
            await self.action_go(action.place)
            place = self.open_place
            if place is not None:
                self.call_after_refresh(place.run_action, action.call)
        else:
            await self.run_action(action.call, self.screen if action.id == "why" else self)

    def action_light_dark(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def action_help(self) -> None:
        from advisor.tui.windows.help import HelpWindow

        place = self.open_place
        if place is not None and self.screen is place:
            self.push_screen(HelpWindow(place.place))

    def action_answers(self) -> None:
        from advisor.tui.windows.answers import AnswersWindow

        if self.session is not None and isinstance(self.screen, Place):
            self.push_screen(AnswersWindow(self.session), self.go_to_question)

    async def go_to_question(self, fact: str | None) -> None:
        """Open the interview at one question."""
        from advisor.tui.places.interview import InterviewPlace

        if fact is None or self.session is None:
            return
        await self.switch_mode("interview")
        place = self.open_place
        if isinstance(place, InterviewPlace):
            await place.go_to(fact)

    def action_why(self) -> None:
        from advisor.tui.windows.why import WhyWindow

        place = self.open_place
        if place is None or self.session is None or self.screen is not place:
            return
        explanation = place.why()
        if explanation is None:
            self.say("Nothing to explain here yet.")
        else:
            self.push_screen(WhyWindow(explanation))

    def action_copy_command(self) -> None:
        place, session = self.open_place, self.session
        command = place.command_line() if place is not None else None
        if command is None or session is None:
            self.say("No command does what is shown here.")
            return
        self.copy_to_clipboard(command)
        try:
            path = session.write_command(command)
            self.say(f"{command}\nCopied, and written to {path}")
        except OSError as error:
            self.say(f"{command}\nCopied; it could not be written: {error.strerror}", bad=True)

    def _handle_exception(self, error: Exception) -> None:
        """End on a bug without Textual's traceback: the entry point writes the report and says where it is."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        if self.ended_by is None and isinstance(cause, Exception):
            self.ended_by = cause
        self._return_code = 70
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self._close_messages_no_wait()
