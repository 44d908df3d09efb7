"""advisor data prepare: clean rows, and a list of every row that was dropped or changed."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli._data.shared import mapping_options, progress_talk, wanted_options
from advisor.cli.common import Options, common_options, emit, emit_json
from advisor.project import is_project

if TYPE_CHECKING:
    from trainers.data.card import Card
    from trainers.data.outputs import Wanted


@click.command("prepare")
@click.argument("file", metavar="FILE")
@click.option("--out", type=click.Path(path_type=Path), help="File to write (in a project: data/prepared.jsonl).")
@click.option("--near", type=click.Choice(("keep", "drop")), default="keep", help="Near duplicates (keep).")
@click.option(
    "--conflicts",
    type=click.Choice(("keep", "drop", "majority")),
    default="keep",
    help="Rows that answer the same question differently (keep).",
)
@click.option("--mask-personal", is_flag=True, help="Replace addresses, numbers and keys by their kind in brackets.")
@click.option("--test", metavar="TEST", help="Drop the rows that give a row of this test set away.")
@click.option("--licence", metavar="TEXT", help="Licence of the data, for the data card.")
@click.option("--provenance", metavar="TEXT", help="Where the data come from, for the data card.")
@wanted_options
@mapping_options
@common_options
def command(
    options: Options,
    file: str,
    out: Path | None,
    near: str,
    conflicts: str,
    wanted: "Wanted",
    dataset_split: str | None,
    **rest: Any,
) -> None:
    """Clean the rows of FILE and write them as messages JSONL.

    Rows that cannot be used and exact duplicates are dropped, texts are tidied. Every dropped or changed row is listed
    with its reason in <name>.changes.jsonl; the data card is <name>.card.md.
    """
    from trainers.data.prepare import Conflicts, PrepareRequest, prepare

    request = PrepareRequest(
        file=file,
        out=out or _default_out(options.project, file),
        near=near == "drop",
        conflicts=Conflicts(conflicts),
        wanted=wanted,
        split=dataset_split,
        **rest,
    )
    card = prepare(request, now=datetime.now(UTC), progress=progress_talk("read"))
    if options.json:
        emit_json(card.model_dump(mode="json"))
    else:
        _print(card, request.out)


def _default_out(project: Path, file: str) -> Path:
    if is_project(project):
        return project / "data" / "prepared.jsonl"
    return Path(Path(file).name.split(".")[0] + ".prepared.jsonl")


def _print(card: "Card", out: Path) -> None:
    emit(f"{card.source_rows:>9,} rows read      {card.source}")
    emit(f"{card.output_rows:>9,} rows written   {card.output}")
    for title, counts, total in (
        ("dropped", card.dropped, card.dropped_rows),
        ("changed", card.changed, card.changed_rows),
    ):
        detail = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        emit(f"{total:>9,} rows {title}   {detail}".rstrip())
    emit(f"every one of them is listed in {out.parent / card.changes}; the data card is beside it")
