"""Compare models on held-out rows: scores, paired tests, a verdict."""

from pathlib import Path

import click

from advisor.base.errors import UsageError
from advisor.cli.common import Options, common_options, emit, emit_json


@click.command()
@click.option("--test", type=click.Path(path_type=Path), help="Test file: JSONL with id and expected, or messages.")
@click.option(
    "--predictions", multiple=True, metavar="NAME=FILE", help="Predictions made anywhere (JSONL: id, output)."
)
@click.option("--metric", default="exact", show_default=True, help="NAME or NAME=ARGUMENT.")
@click.option("--missing", type=click.Choice(["error", "wrong"]), default="error", help="Items without a prediction.")
@click.option("--group", help="Key of a test line that names dependent items, such as a customer or a document.")
@click.option("--slice", "slices", multiple=True, help="Key of a test line to compare by, such as language or region.")
@click.option("--margin", type=click.FloatRange(0, 1), help="Non-inferiority: how much worse would still do (0.02).")
@common_options
def command(
    options: Options,
    test: Path | None,
    predictions: tuple[str, ...],
    metric: str,
    missing: str,
    group: str | None,
    slices: tuple[str, ...],
    margin: float | None,
) -> None:
    """Compare predictions on the same test items.

    The first candidate is the baseline; a pair's difference is the later one's score minus the earlier one's.
    """
    from trainers.evaluation.compare import Grouping, compare, comparison_json
    from trainers.evaluation.items import read_predictions, read_test
    from trainers.evaluation.metrics import get_metric
    from trainers.evaluation.words import comparison_text

    if test is None or not predictions:
        raise UsageError(
            "nothing to compare", fix="advisor evaluate --test TEST.jsonl --predictions NAME=FILE.jsonl ..."
        )
    files = _named_files(predictions)
    chosen = get_metric(metric)
    items = read_test(test)
    outputs = {name: read_predictions(path, items, missing_is_wrong=missing == "wrong") for name, path in files.items()}
    found = compare(items, outputs, chosen, grouping=Grouping(group, slices), margin=margin)
    if options.json:
        emit_json(comparison_json(found))
    else:
        emit(comparison_text(found))


def _named_files(texts: tuple[str, ...]) -> dict[str, Path]:
    """NAME=FILE, in the given order. Raises `UsageError`."""
    found: dict[str, Path] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or not name.strip() or not path:
            raise UsageError(f"{text!r} is not NAME=FILE", fix="write for example --predictions tuned=tuned.jsonl")
        if name.strip() in found:
            raise UsageError(f"two candidates are called {name.strip()!r}", fix="give each a name of its own")
        found[name.strip()] = Path(path)
    return found
