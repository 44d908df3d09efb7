"""Options and helpers that the data commands share."""

import functools
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from advisor.cli.common import talk


def mapping_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --map, --system and --dataset-split; the command receives `maps`, `system` and `dataset_split`."""

    @functools.wraps(function)
    def wrapped(*args: Any, maps: tuple[str, ...], **rest: Any) -> Any:
        return function(*args, maps=maps, **rest)

    for option in (
        click.option("--dataset-split", metavar="NAME", help="Which split of a datasets folder or hub id (train)."),
        click.option("--system", metavar="TEXT", help="Instructions put before rows that have none."),
        click.option(
            "--map",
            "maps",
            multiple=True,
            metavar="PART=COLUMN",
            help="Which column holds what: messages, prompt, answer, context, system, id, group. May be repeated.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def wanted_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --schema, --regex and --labels; the command receives them as `wanted: Wanted`."""

    @functools.wraps(function)
    def wrapped(*args: Any, schema: Path | None, regex: str | None, labels: str | None, **rest: Any) -> Any:
        from trainers.data.outputs import read_wanted

        return function(*args, wanted=read_wanted(schema, regex, labels), **rest)

    for option in (
        click.option("--labels", metavar="LIST", help="Allowed answers: comma-separated, or a file with one a line."),
        click.option("--regex", metavar="EXPRESSION", help="Expression that every answer must match as a whole."),
        click.option("--schema", type=click.Path(path_type=Path), help="JSON Schema that every answer must satisfy."),
    ):
        wrapped = option(wrapped)
    return wrapped


def progress_talk(what: str) -> Callable[[int], None]:
    """A progress function that tells the number of rows every few seconds, when a person watches."""
    start = last = time.monotonic()

    def tell(rows: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 3 and sys.stderr.isatty():
            last = now
            talk(f"{what}: {rows:,} rows, {rows / (now - start):,.0f} a second")

    return tell
