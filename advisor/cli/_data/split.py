"""advisor data split: hold out a test set that nothing is trained on."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from advisor.cli._data.shared import mapping_options, progress_talk
from advisor.cli.common import Options, common_options, emit, emit_json, talk
from advisor.datafacts import record_measured
from advisor.project import Project

if TYPE_CHECKING:
    from trainers.data.frozen import Split


@click.command("split")
@click.argument("file", metavar="FILE")
@click.option("--share", type=click.FloatRange(0.02, 0.8), default=0.2, help="Share to hold out (0.2).")
@click.option("--seed", type=int, default=0, help="Another number, another split (0).")
@click.option("--again", is_flag=True, help="Replace the frozen test set; earlier evaluations no longer compare.")
@mapping_options
@common_options
def command(
    options: Options,
    file: str,
    share: float,
    seed: int,
    again: bool,
    maps: tuple[str, ...],
    system: str | None,
    dataset_split: str | None,
) -> None:
    """Split FILE into data/train.jsonl and data/test.jsonl of the project.

    Rows of one group, and rows that resemble each other, stay on one side; every label keeps its share. The test set
    is frozen: data/split.json holds its hash, and no training run accepts its rows.
    """
    from trainers.data.split import ARTICLE_SHARE, SplitRequest, split

    project = Project.open(options.project)
    request = SplitRequest(file, maps, system, dataset_split, share, seed, again)
    made = split(request, project.folder, now=datetime.now(UTC), progress=progress_talk("read"))
    total = made.train.rows + made.test.rows
    facts = {
        "data.test_examples": made.test.rows,
        "data.held_out_share": round(made.test.rows / total, 4),
        "data.test_rows_trained_on": False,
    }
    if "data.labelled_examples" not in project.answers():
        facts["data.labelled_examples"] = total
    recorded = record_measured(project.folder, facts, source=f"advisor data split {file}", evidence_n=total)
    if options.json:
        emit_json(made.model_dump(mode="json") | {"recorded": recorded})
    else:
        _print(made, project)
    if not ARTICLE_SHARE[0] <= made.test.rows / total <= ARTICLE_SHARE[1] + 0.01:
        talk(f"{made.test.rows / total:.0%} held out; the usual share is 15 to 20 %")
    if recorded:
        talk(f"recorded as measured: {', '.join(recorded)}")


def _print(made: "Split", project: Project) -> None:
    folder, total = project.data_folder, made.train.rows + made.test.rows
    emit(f"train  {made.train.rows:>8,} rows  {folder / made.train.path}")
    emit(f"test   {made.test.rows:>8,} rows  {folder / made.test.path}  ({made.test.rows / total:.1%}, frozen)")
    emit(f"{made.groups:,} groups kept whole (same group, or the same or nearly the same question)")
    emit(
        f"smallest gain that {made.test.rows:,} rows show: {made.smallest_detectable * 100:.1f} points"
        " (80 % power, a fifth of the answers differing)"
    )
    for name, counts in list(made.labels.items())[:6]:
        shown = ", ".join(f"{value} {train}+{test}" for value, (train, test) in list(counts.items())[:8])
        emit(f"{name or 'answer'}: {shown}{', ...' if len(counts) > 8 else ''}   (train+test)")
