"""Compare models on held-out rows: scores, paired tests, a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.base.errors import UsageError
from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    pass

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--run", help="Evaluate this run of the project: its base, prompted in several ways, and what it made.")
@click.option("--test", type=_PATH, help="Test file: JSONL with id and expected, or messages.")
@click.option(
    "--predictions", multiple=True, metavar="NAME=FILE", help="Predictions made anywhere: JSONL, id and output"
)
@click.option("--metric", help="NAME or NAME=ARGUMENT (default: exact; for a run whose answers are JSON, json_exact).")
@click.option("--missing", type=click.Choice(["error", "wrong"]), default="error", help="Items without a prediction.")
@click.option("--group", help="Key of a test line that names dependent items, such as a customer or a document.")
@click.option("--slice", "slices", multiple=True, help="Key of a test line to compare by, such as language or region.")
@click.option("--margin", type=click.FloatRange(0, 1), help="Non-inferiority: how much worse would still do (0.02).")
@click.option("--fail-on-harm", is_flag=True, help="Exit 1 when a later candidate is detectably worse than the first.")
@click.option("--candidate", "only", multiple=True, help="Of a run: only this candidate (may be given again).")
@click.option("--rows", type=click.IntRange(min=1), help="Of a run: only so many test rows, chosen by seed.")
@click.option(
    "--shots", type=click.IntRange(0, 200), help="Of a run: examples a prompt (default: 8 fixed, 5 nearest)."
)
@click.option("--schema", type=_PATH, help="JSON Schema of the answers (default: read off the training answers).")
@click.option("--max-new-tokens", type=click.IntRange(min=1), help="Longest answer (default: from the right answers).")
@click.option("--latency-requests", type=click.IntRange(0, 1000), default=10, help="Single requests to time.")
@click.option("--no-general", is_flag=True, help="Leave the everyday questions out.")
@click.option("--again", is_flag=True, help="Measure anew what an evaluation has measured already.")
@click.option("--status-quo", help="The candidate that is in use today: its quality becomes current.quality_rate.")
@common_options
def command(options: Options, run: str | None, test: Path | None, predictions: tuple[str, ...], **given: Any) -> int:
    """Compare a run's model with its base, or predictions made anywhere, on the same held-out items.

    The first candidate is the baseline; a pair's difference is the later one's score minus the earlier one's.
    """
    if run is not None:
        return _evaluate_run(options, run, given)
    return _compare_files(options, test, predictions, given)


def _compare_files(options: Options, test: Path | None, predictions: tuple[str, ...], given: dict[str, Any]) -> int:
    from trainers.evaluation.compare import Grouping, Verdict, compare, comparison_json
    from trainers.evaluation.items import read_predictions, read_test
    from trainers.evaluation.metrics import get_metric
    from trainers.evaluation.words import comparison_text

    if test is None or not predictions:
        raise UsageError(
            "nothing to compare",
            fix="advisor evaluate --run RUN, or --test TEST.jsonl --predictions NAME=FILE.jsonl ...",
        )
    files = _named(predictions, "--predictions tuned=tuned.jsonl")
    metric = get_metric(given["metric"] or "exact")
    items = read_test(test)
    wrong = given["missing"] == "wrong"
    outputs = {name: read_predictions(Path(path), items, missing_is_wrong=wrong) for name, path in files.items()}
    grouping = Grouping(given["group"], given["slices"])
    found = compare(items, outputs, metric, grouping=grouping, margin=given["margin"])
    if options.json:
        emit_json(comparison_json(found))
    else:
        emit(comparison_text(found))
    first = next(iter(files))
    return int(given["fail_on_harm"] and any(p.a == first and p.verdict is Verdict.HARMED for p in found.pairs))


def _evaluate_run(options: Options, run: str, given: dict[str, Any]) -> int:
    from advisor.cli._evaluation import Wish, evaluate_run, is_regression
    from advisor.project import Project
    from trainers.evaluation.words_run import result_text

    project = Project.open(options.project)
    outcome = evaluate_run(
        project,
        Wish(
            run=run,
            metric=given["metric"],
            schema=given["schema"],
            rows=given["rows"],
            shots=given["shots"],
            max_new_tokens=given["max_new_tokens"],
            latency_requests=given["latency_requests"],
            general=not given["no_general"],
            again=given["again"],
            slices=given["slices"],
            margin=given["margin"],
            only=given["only"],
            status_quo=given["status_quo"],
        ),
    )
    if options.json:
        emit_json({**outcome.result, "folder": str(outcome.folder), "recorded": outcome.recorded})
    else:
        emit(result_text(outcome.result))
    for fact in outcome.recorded:
        talk(f"recorded as measured: {fact}; `advisor decide` decides again with it")
    return int(is_regression(outcome.result))


def _named(texts: tuple[str, ...], example: str) -> dict[str, str]:
    """NAME=SOMETHING, in the given order. Raises `UsageError`."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        if not equals or not name.strip() or not rest:
            raise UsageError(f"{text!r} is not NAME=FILE", fix=f"write for example {example}")
        if name.strip() in found:
            raise UsageError(f"two candidates are called {name.strip()!r}", fix="give each a name of its own")
        found[name.strip()] = rest
    return found
