"""What every command shares: the common options, and where output goes (stdout is data, stderr is talk)."""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from advisor.base.files import dump_json


@dataclass(frozen=True, slots=True)
class Options:
    """The options that every command takes."""

    json: bool
    plain: bool
    yes: bool
    project: Path
    today: date


class IsoDate(click.ParamType):  # type: ignore[type-arg]
    """A date written YYYY-MM-DD."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a date; write YYYY-MM-DD", param, ctx)


def common_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json, --plain, --yes, --project and --today; the command receives them as `options: Options` first."""

    @functools.wraps(function)
    def wrapped(*args: Any, json: bool, plain: bool, yes: bool, project: Path, today: date | None, **rest: Any) -> Any:
        chosen = Options(json=json, plain=plain, yes=yes, project=project, today=today or datetime.now().date())
        return function(chosen, *args, **rest)

    for option in (
        click.option("--today", type=IsoDate(), help="Decide as if it were this day (YYYY-MM-DD)."),
        click.option(
            "--project", type=click.Path(path_type=Path), default=Path(), help="Project folder (default: here)."
        ),
        click.option("--yes", is_flag=True, help="Do not ask for confirmation."),
        click.option("--plain", is_flag=True, help="Plain text: no colours, no full-screen interface."),
        click.option("--json", is_flag=True, help="Data as JSON on stdout."),
    ):
        wrapped = option(wrapped)
    return wrapped


def emit_json(value: Any) -> None:
    """Write one JSON document to stdout."""
    click.echo(dump_json(value, indent=2))


def emit(text: str = "") -> None:
    """Write data for people to stdout."""
    click.echo(text)


def talk(text: str) -> None:
    """Write a remark (progress, hints) to stderr."""
    click.echo(text, err=True)


def interactive() -> bool:
    """Whether a person sits at both ends: stdin and stdout are terminals."""
    return sys.stdin.isatty() and sys.stdout.isatty()
