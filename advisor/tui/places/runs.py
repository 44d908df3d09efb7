"""Runs: all runs of the project, live progress of the selected one; start, stop, resume. Leaving stops nothing."""

import shlex
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from advisor.base.errors import AdvisorError
from advisor.tui.actions import bindings
from advisor.tui.explain import Explanation
from advisor.tui.messages import CommandDone, RunsRead
from advisor.tui.places.chart import draw_loss, new_plot
from advisor.tui.places.place import Place
from advisor.tui.places.plan import plan_parts
from advisor.tui.places.watching import Reading, Watcher, duration, run_parts, state_words
from advisor.tui.text import lines
from advisor.tui.widgets.frame import show_pairs
from advisor.tui.widgets.table import Column, Table
from advisor.tui.windows.ask import AskWindow
from advisor.tui.windows.confirm import ConfirmWindow

if TYPE_CHECKING:
    from trainers.runs.client import RunView

_COLUMNS = (
    Column("Run", flexible=True),
    Column("State"),
    Column("Steps", right=True),
    Column("Loss", right=True),
    Column("Time", right=True),
    Column("Method", wide=True),
)
PLAN, _START, _STOP, _RESUME = "run-plan", "run-start", "run-stop", "run-resume"
_DOING = {
    PLAN: "planning: every row is checked with the model's tokenizer",
    _START: "starting",
    _STOP: "asking it to stop after the present step",
    _RESUME: "resuming",
}
_READ_EVERY_S = 1.0
_BY_HAND = "--method lora --model smollm2-135m"


class RunsPlace(Place):
    """Reads the runs' files once a second while it is on the screen."""

    place = "runs"
    BINDINGS: ClassVar[list[BindingType]] = bindings("runs")

    def __init__(self) -> None:
        super().__init__()
        self._reading = Reading()
        self._read_once = False
        self._busy = False
        self._watcher: Watcher | None = None
        self._selected_id: str | None = None
        self._problem: Content | None = None
        self._words: tuple[str, ...] = ()
        self._ready: dict[str, Any] | None = None

    def body(self) -> ComposeResult:
        yield Static(id="headline")
        with Vertical(id="panes"):
            yield Table(_COLUMNS, id="run-list")
            with Horizontal(id="run"):
                with VerticalScroll(id="run-details", can_focus=False):
                    yield Static(id="run-text")
                yield new_plot()

    async def on_mount(self) -> None:
        self.set_interval(_READ_EVERY_S, self._read_soon)
        await self.refresh_place()
        self._read_soon()

    async def on_screen_resume(self) -> None:
        await super().on_screen_resume()
        self._read_soon()
        self._show_ready()

    def _read_soon(self) -> None:
        if self._busy or self.session is None or self.program.open_place is not self:
            return
        self._busy = True
        selected = self._selected()
        self._selected_id = selected.id if selected is not None else None
        self.run_worker(self._read, thread=True, group="runs", exit_on_error=True)

    def _read(self) -> None:
        session = self.session
        if session is not None:
            if self._watcher is None:
                self._watcher = Watcher(session.project.folder)
            try:
                reading = self._watcher.read(self._selected_id)
            except OSError as error:
                reading = Reading(broken=(("runs", str(error)),))
            self.post_message(RunsRead(reading))

    async def on_runs_read(self, message: RunsRead) -> None:
        self._busy, self._read_once = False, True
        self._reading = message.reading
        await self.refresh_place()

    async def show(self) -> None:
        self.query_one("#headline", Static).update(self._headline())
        table = self.query_one("#run-list", Table)
        table.show([_cells(run) for run in self._reading.runs])
        self.query_one("#panes").display = bool(self._reading.runs)
        if self._reading.runs and self.focused is None:
            table.focus()
        self._show_run()

    def _headline(self) -> Content:
        parts: list[Content | str] = []
        for name, doing in _DOING.items():
            if self.program.commands.running(name):
                said = self.program.commands.said(name)
                parts.append(
                    Content.assemble(
                        ("▶ ", "$text-success"), f"{doing} ...", (f"  {said}" if said else "", "$secondary")
                    )
                )
        if self._problem is not None and not parts:
            parts.append(self._problem)
        parts += [Content.assemble(("▲ ", "$text-warning"), f"{name}: {why}") for name, why in self._reading.broken]
        if not self._reading.runs and self._read_once and not parts:
            keys = [("n", "plan the recommended run"), ("m", "choose method and model"), ("4", "data")]
            parts += [
                "No runs yet. A run is planned and priced first, and starts only after you confirm.",
                show_pairs(keys),
            ]
        elif not self._read_once:
            parts.append("reading ...")
        elif not parts:
            alive = sum(1 for run in self._reading.runs if run.state.alive)
            many = len(self._reading.runs)
            going = " It goes on when you leave." if alive == 1 else " They go on when you leave." if alive else ""
            parts.append(f"{many} run{'s' if many > 1 else ''}, {alive or 'none'} at work.{going}")
        return lines(parts)

    @on(Table.Moved, "#run-list")
    def _moved(self) -> None:
        self._show_run()
        self._read_soon()

    @on(Table.Opened, "#run-list")
    def _opened(self) -> None:
        self.program.action_why()

    def _show_run(self) -> None:
        run = self._selected()
        if run is None:
            return
        self.query_one("#run-text", Static).update(lines(run_parts(run)))
        curve = self._reading.curve
        plot = self.query_one("#plot")
        plot.display = curve.run == run.id and len(curve.losses) > 1
        if plot.display:
            draw_loss(plot, curve.losses, curve.held_out, dark=self.app.current_theme.dark)

    def _selected(self) -> "RunView | None":
        row = self.query_one("#run-list", Table).cursor_row
        runs = self._reading.runs
        return runs[row] if 0 <= row < len(runs) else None

    def action_start_run(self) -> None:
        self._plan(())

    def action_start_by_hand(self) -> None:
        said = "Options of `advisor train`: method and model, and whatever else differs (--epochs 2 --batch-size 8)."
        before = shlex.join(self._words) if self._words else _BY_HAND
        self.app.push_screen(AskWindow("A run of your own choice", said, _BY_HAND, before), self._plan_text)

    def _plan_text(self, text: str | None) -> None:
        if not text:
            return
        try:
            self._plan(tuple(shlex.split(text)))
        except ValueError as error:
            self.program.say(f"These options cannot be read: {error}", bad=True)

    def _plan(self, words: tuple[str, ...]) -> None:
        self._words, self._problem = words, None
        if not words and self.session is not None:
            # The command plans what the latest saved decision recommends.
            try:
                self.session.keep_decision()
            except (AdvisorError, OSError) as error:
                self.program.say(f"The decision could not be saved: {error}", bad=True)
        if not self.program.commands.start(PLAN, "train", *words, "--plan-only"):
            self.program.say("A plan is being made already.")
        self.query_one("#headline", Static).update(self._headline())

    def action_stop_run(self) -> None:
        run = self._selected()
        if run is None or not run.state.alive:
            self.program.say("Nothing to stop: the selected run is not at work.")
            return
        said = "It saves a checkpoint after the present step and ends. It can be resumed from there."
        window = ConfirmWindow(f"Stop {run.id}?", [said], "Yes, stop it")
        self.app.push_screen(window, lambda yes: self._steer(_STOP, "stop", run) if yes else None)

    def action_resume_run(self) -> None:
        run = self._selected()
        if run is None or not run.state.resumable:
            self.program.say("Nothing to resume: the selected run is at work, finished or only planned.")
            return
        self._steer(_RESUME, "resume", run)

    def _steer(self, name: str, word: str, run: "RunView") -> None:
        self._problem = None
        if not self.program.commands.start(name, "runs", word, run.id):
            self.program.say("That is being done already.")
        self.query_one("#headline", Static).update(self._headline())

    async def command_done(self, message: CommandDone) -> None:
        if message.name not in _DOING:
            return
        plan = message.value.get("plan") if isinstance(message.value, dict) else None
        if message.name == PLAN and isinstance(plan, dict):
            self._ready = plan
            self._show_ready()
        elif message.code:
            said = message.problem or f"exit code {message.code}"
            self._problem = Content.assemble(
                ("■ ", "$text-error"), (f"{_DOING[message.name].split(':')[0]}: ", "bold"), said
            )
        elif message.name == _START and isinstance(message.value, dict):
            self.program.say(f"Started {message.value.get('run')}. It goes on when you leave.")
            self.query_one("#run-list", Table).move_cursor(row=0)
        self._read_soon()

    def _show_ready(self) -> None:
        """Show the plan that was made, but not over another place or window that one is at work in."""
        if self._ready is None:
            return
        if self.program.screen is not self:
            self.program.say("The plan of the run is ready: 5 shows it.")
            return
        plan, self._ready = self._ready, None
        self._show_plan(plan)

    def _show_plan(self, plan: dict[str, Any]) -> None:
        if plan.get("refusals"):
            self.app.push_screen(
                ConfirmWindow("This run is refused", plan_parts(plan), "Plan it differently", "Close"),
                lambda again: self.action_start_by_hand() if again else None,
            )
            return
        window = ConfirmWindow("Start this run?", plan_parts(plan), "Yes, start it")
        self.app.push_screen(window, self._start)

    def _start(self, yes: bool | None) -> None:
        if yes:
            self.program.commands.start(_START, "train", *self._words, "--yes")
            self.query_one("#headline", Static).update(self._headline())

    def why(self) -> Explanation | None:
        run = self._selected()
        if run is None:
            return None
        settings = [f"{key}: {value}" for key, value in run.spec.settings.items()]
        parts = [*run_parts(run), "", Content.styled("Settings", "bold underline"), *settings]
        parts += ["", f"Folder: {run.folder}", f"Created: {run.spec.created}"]
        if run.spec.predicted is not None:
            parts.append(f"Expected figures: {run.spec.predicted.basis}")
        return Explanation(run.id, tuple(parts))

    def command_line(self) -> str | None:
        session, run = self.session, self._selected()
        if session is None:
            return None
        return session.command("runs", "watch", run.id) if run is not None else session.command("train", *self._words)


def _cells(run: "RunView") -> list[str]:
    progress, result = run.progress, run.result
    steps = f"{progress.step}/{progress.total_steps}" if progress is not None and progress.total_steps else ""
    loss = progress.loss if progress is not None else None
    seconds = result.measured.wall_seconds if result is not None else None
    time = duration(seconds) if seconds else ""
    if run.state.alive and progress is not None and progress.seconds_left is not None:
        time = f"{duration(progress.seconds_left)} left"
    return [run.id, state_words(run), steps, f"{loss:.3f}" if loss is not None else "", time, run.spec.method]
