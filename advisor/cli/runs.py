"""See and steer training runs: list, watch, stop, resume.

Runs belong to a supervisor of their own, so nothing here keeps them alive or ends them by leaving.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from trainers.runs.client import RunView
    from trainers.runs.events import Event


@click.group("runs", short_help="See and steer training runs.")
def command() -> None:
    """See and steer training runs. RUN is an id, the beginning of one, or nothing for the newest."""


@command.command("list")
@common_options
def list_command(options: Options) -> None:
    """All runs of the project and what became of them."""
    from trainers.runs.client import broken_runs, list_runs

    project = _project(options)
    runs, broken = list_runs(project), broken_runs(project)
    if options.json:
        rows = [as_json(run) for run in runs]
        problems = [{"folder": str(folder), "problem": problem} for folder, problem in broken.items()]
        emit_json({"v": 1, "runs": rows, "broken": problems})
        return
    if not runs:
        talk("no runs yet; start one with: advisor train")
    for line in _table([_row(run) for run in runs]):
        emit(line)
    for folder, problem in broken.items():
        talk(f"{folder.name} is no readable run: {problem}")


@command.command("watch")
@click.argument("run", required=False)
@common_options
def watch_command(options: Options, run: str | None) -> int:
    """Follow a run until it ends; leaving (ctrl+c) does not touch it. With --json, one event a line.

    Exit code: that of the run (0 finished or stopped on request, 1 failed, killed, out of memory or lost).
    """
    from trainers.runs.client import find

    found = find(_project(options), run)
    return watch(found, json=options.json)


@command.command("stop")
@click.argument("run", required=False)
@click.option("--now", is_flag=True, help="Do not save a checkpoint first; steps since the last one are lost.")
@click.option("--wait", is_flag=True, help="Return when the run has stopped.")
@common_options
def stop_command(options: Options, run: str | None, now: bool, wait: bool) -> int:
    """Stop a run after its current step, with a checkpoint to resume from."""
    from trainers.runs.client import find, follow, request_stop, view

    found = find(_project(options), run)
    request_stop(found.folder, now=now)
    if wait:
        for _ in follow(found.folder):
            pass
    state = view(found.folder).state
    if options.json:
        emit_json({"v": 1, "run": found.id, "state": state.value})
    else:
        emit(f"{found.id}: {state.value}")
    return 0


@command.command("resume")
@click.argument("run", required=False)
@click.option("--watch", "watching", is_flag=True, help="Follow it until it ends.")
@common_options
def resume_command(options: Options, run: str | None, watching: bool) -> int:
    """Go on with a run from its newest whole checkpoint."""
    from trainers.runs.client import find, resume, view

    found = find(_project(options), run)
    resume(found.folder)
    if watching:
        return watch(view(found.folder), json=options.json, skip_attempts_before=True)
    if options.json:
        emit_json({"v": 1, "run": found.id, "folder": str(found.folder), "state": view(found.folder).state.value})
    else:
        emit(f"{found.id}: resumed")
        talk(f"watch it with: advisor runs watch {found.id}")
    return 0


def watch(run: RunView, *, json: bool, skip_attempts_before: bool = False) -> int:
    """Print what happens until the run ends; returns the exit code that its end means."""
    from advisor.base.files import dump_json
    from trainers.runs.client import follow, outcome_error, view
    from trainers.runs.events import read_events

    since = max((event.attempt for event in read_events(run.folder)[0]), default=0) if skip_attempts_before else 0
    line, silence = _Line(), _Silence()
    for event in follow(run.folder, leave=silence.mind):
        silence.broken()
        if event.attempt < since:
            continue
        if json:
            emit(dump_json(event.as_json()))
            sys.stdout.flush()
        else:
            line.show(event, run)
    line.end()
    last = view(run.folder)
    error = outcome_error(last)
    if error is None or last.state == "stopped":
        return 0
    talk(f"advisor: {error}")
    return error.exit_code


class _Silence:
    """The supervisor tells of a trainer that hangs; when it is silent itself, the watcher has to say so."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._told = False

    def broken(self) -> None:
        """Something was written."""
        self._last, self._told = time.monotonic(), False

    def mind(self) -> bool:
        """Say once that nothing is written any more; never a reason to leave."""
        from trainers.runs.stall import patience_s

        silent_s = time.monotonic() - self._last
        if not self._told and silent_s > 2 * patience_s():
            self._told = True
            talk(f"! nothing written for {silent_s:.0f} s: the run hangs, or its machine sleeps or has no room on disk")
        return False


class _Line:
    """Steps rewrite one line on a terminal and are thinned out elsewhere; everything else has its own line."""

    def __init__(self) -> None:
        self._rewrites = sys.stdout.isatty()
        self._open = False
        self._shown_s = float("-inf")

    def show(self, event: Event, run: RunView) -> None:
        text = describe(event, run)
        if text is None:
            return
        if event.kind != "step":
            self.end()
            emit(text)
        elif self._rewrites:
            click.echo(f"\r\x1b[K{text}", nl=False)
            self._open = True
        elif event.elapsed_s - self._shown_s >= 5 or event.fields.get("step") == event.fields.get("total_steps"):
            self._shown_s = event.elapsed_s
            emit(text)

    def end(self) -> None:
        if self._open:
            click.echo()
            self._open = False


def describe(event: Event, run: RunView) -> str | None:
    """An event as one line for people; None for those that only programs need."""
    f = event.fields
    match event.kind:
        case "launched":
            return f"attempt {event.attempt}: the trainer starts (process {f.get('pid')}); the model is loading"
        case "preflight":
            return (
                f"{f.get('rows')} rows, {f.get('tokens')} tokens, {_percent(f.get('trained_share'))} of them trained; "
                f"longest {f.get('longest_tokens')}"
            )
        case "uploaded":
            return f"{f.get('bytes'):,} bytes of rows uploaded as {f.get('file')}"
        case "vendor":
            return f"vendor: {f.get('text')}"
        case "started" if f.get("job"):
            return f"the vendor works on job {f.get('job')}"
        case "started":
            share = f.get("trainable_parameters", 0) / max(f.get("parameters", 1), 1)
            return (
                f"training {f.get('trainable_parameters'):,} of {f.get('parameters'):,} parameters ({share:.2%}), "
                f"{f.get('total_steps')} steps, learning rate {f.get('learning_rate'):g}"
            )
        case "step":
            return _step_text(f, event, run)
        case "evaluated":
            return f"step {f.get('step')}: held-out loss {f.get('held_out_loss'):.4f}"
        case "checkpoint":
            return f"step {f.get('step')}: checkpoint saved"
        case "resumed":
            return f"resumed from {f.get('checkpoint')}"
        case "warning":
            return f"! {f.get('text')}"
        case "stop_requested":
            return "stop requested"
        case "error":
            return f"error: {f.get('what')}"
        case "ended":
            reason = f": {f['reason']}" if f.get("reason") else ""
            return f"{f.get('status')}{reason}"
    return None


def _step_text(f: dict[str, Any], event: Event, run: RunView) -> str:
    parts = [f"step {f.get('step')}/{f.get('total_steps')}", f"loss {f.get('loss'):.4f}"]
    if f.get("tokens_per_s") is not None:
        parts.append(f"{f['tokens_per_s']:.0f} tokens/s")
    if f.get("memory_gib") is not None:
        parts.append(f"{f['memory_gib']:.1f} GiB")
    if run.spec.usd_per_hour is not None:
        parts.append(f"${event.elapsed_s / 3600 * run.spec.usd_per_hour:.4f}{_planned(run)}")
    if f.get("seconds_left") is not None:
        parts.append(f"{duration(f['seconds_left'])} left")
    return "  ".join(parts)


def _planned(run: RunView) -> str:
    cost = run.spec.predicted and run.spec.predicted.cost_usd
    return f" of ${cost.p50:.4f}" if cost else ""


def duration(seconds: float) -> str:
    """Seconds as `47 s`, `3 min 20 s` or `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{share:.0%}"


def as_json(run: RunView) -> dict[str, Any]:
    """A run for programs."""
    from dataclasses import asdict

    return {
        "run": run.id,
        "folder": str(run.folder),
        "state": run.state.value,
        "method": run.spec.method,
        "model": run.spec.model,
        "created": run.spec.created,
        "progress": None if run.progress is None else asdict(run.progress),
        "result": None if run.result is None else run.result.model_dump(mode="json"),
    }


def _row(run: RunView) -> list[str]:
    progress, result = run.progress, run.result
    steps = "" if progress is None else f"{progress.step}/{progress.total_steps or '?'}"
    held_out = (result and result.measured.held_out_loss) or (progress and progress.held_out_loss)
    seconds = result.measured.wall_seconds if result else None
    took = duration(seconds) if seconds else ""
    if run.state.alive and progress and progress.seconds_left is not None:
        took = f"{duration(progress.seconds_left)} left"
    loss = f"{held_out:.4f}" if held_out is not None else ""
    warned = progress.warnings[-1] if run.state.alive and progress and progress.warnings else ""
    reason = (result and result.reason) or warned
    return [run.id, run.state.value, run.spec.method, run.spec.model, steps, loss, took, reason]


def _table(rows: list[list[str]]) -> list[str]:
    if not rows:
        return []
    head = ["run", "state", "method", "model", "steps", "held-out loss", "time", "why"]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    ]


def _project(options: Options) -> Any:
    from advisor.project import Project

    # Whoever watches through a pipe may leave at any time.
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return Project.open(options.project).folder.resolve()
