"""Compare models on held-out rows: scores, paired tests, a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.base.errors import UsageError
from advisor.cli._endpoints import endpoint_candidates, named
from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trainers.evaluation.items import Item
    from trainers.evaluation.spec import CandidateSpec

_PATH = click.Path(path_type=Path)


@click.command()
@click.option("--run", help="Evaluate this run of the project: its base, prompted in several ways, and what it made.")
@click.option("--test", type=_PATH, help="Test file: JSONL with id and expected, or messages.")
@click.option(
    "--predictions", multiple=True, metavar="NAME=FILE", help="Predictions made anywhere: JSONL, id and output"
)
@click.option("--metric", help="NAME or NAME=ARGUMENT (default: by the answers: exact, json_exact, tool_calls).")
@click.option("--missing", type=click.Choice(["error", "wrong"]), default="error", help="Items without a prediction.")
@click.option("--group", help="Key of a test line that names dependent items, such as a customer or a document.")
@click.option("--slice", "slices", multiple=True, help="Key of a test line to compare by, such as language or region.")
@click.option("--margin", type=click.FloatRange(0, 1), help="Non-inferiority: how much worse would still do (0.02).")
@click.option("--fail-on-harm", is_flag=True, help="Exit 1 when a later candidate is detectably worse than the first.")
@click.option("--candidate", "only", multiple=True, help="Of a run: only this candidate (may be given again).")
@click.option("--rows", type=click.IntRange(min=1), help="Of a run: only so many test rows, chosen by seed.")
@click.option("--shots", type=click.IntRange(0, 200), help="Of a run: examples a prompt (default: 8 fixed, 5 nearest).")
@click.option("--schema", type=_PATH, help="JSON Schema of the answers (default: read off the training answers).")
@click.option("--max-new-tokens", type=click.IntRange(min=1), help="Longest answer (default: from the right answers).")
@click.option("--latency-requests", type=click.IntRange(0, 1000), default=10, help="Single requests to time.")
@click.option("--no-general", is_flag=True, help="Leave the everyday questions out.")
@click.option("--again", is_flag=True, help="Measure anew what an evaluation has measured already.")
@click.option("--endpoint", "endpoints", multiple=True, metavar="NAME=URL", help="OpenAI-compatible server to ask.")
@click.option("--model-name", "served", multiple=True, metavar="[NAME=]MODEL", help="The endpoint's model.")
@click.option("--key-env", multiple=True, metavar="[NAME=]VARIABLE", help="Variable with the endpoint's key.")
@click.option("--priced-as", multiple=True, metavar="[NAME=]ID", help="What an endpoint is in the price catalogue.")
@click.option("--save", type=_PATH, help="Folder for the answers of endpoints, one NAME.jsonl each.")
@click.option("--status-quo", help="The candidate that is in use today: its quality becomes current.quality_rate.")
@common_options
def command(options: Options, run: str | None, test: Path | None, predictions: tuple[str, ...], **given: Any) -> int:
    """Compare a run's model with its base, or predictions made anywhere, on the same held-out items.

    The first candidate is the baseline; a pair's difference is the later one's score minus the earlier one's.
    """
    servers = endpoint_candidates(options, given)
    if run is not None:
        return _evaluate_run(options, run, given, servers)
    return _compare_files(options, test, predictions, given, servers)


def _compare_files(
    options: Options,
    test: Path | None,
    predictions: tuple[str, ...],
    given: dict[str, Any],
    servers: tuple[CandidateSpec, ...],
) -> int:
    from trainers.evaluation.compare import Grouping, Verdict, compare, comparison_json
    from trainers.evaluation.items import read_predictions, read_test
    from trainers.evaluation.metrics import get_metric
    from trainers.evaluation.plan import refuse_unnamed
    from trainers.evaluation.spec import CandidateSpec
    from trainers.evaluation.words import comparison_text

    if test is None or not (predictions or servers):
        raise UsageError(
            "nothing to compare",
            fix="advisor evaluate --run RUN, or --test TEST.jsonl --predictions NAME=FILE.jsonl ...",
        )
    files = named(predictions, "--predictions tuned=tuned.jsonl")
    refuse_unnamed([CandidateSpec(name=name) for name in files] + list(servers))
    items = read_test(test)
    metric = get_metric(given["metric"] or ("tool_calls" if any(item.calls for item in items) else "exact"))
    wrong = given["missing"] == "wrong"
    outputs = {name: read_predictions(Path(path), items, missing_is_wrong=wrong) for name, path in files.items()}
    outputs |= {each.name: _ask(each, items, given) for each in servers}
    grouping = Grouping(given["group"], given["slices"])
    found = compare(items, outputs, metric, grouping=grouping, margin=given["margin"])
    if options.json:
        emit_json(comparison_json(found))
    else:
        emit(comparison_text(found))
    first = next(iter(outputs))
    return int(given["fail_on_harm"] and any(p.a == first and p.verdict is Verdict.HARMED for p in found.pairs))


def _ask(server: CandidateSpec, items: Sequence[Item], given: dict[str, Any]) -> list[str]:
    """A server's answers to the test items, kept in --save when that is given (and not asked again)."""
    from trainers.evaluation.ask import ask_endpoint

    return ask_endpoint(server, items, save=given["save"], max_new_tokens=given["max_new_tokens"], say=talk)


def _evaluate_run(options: Options, run: str, given: dict[str, Any], servers: tuple[CandidateSpec, ...]) -> int:
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
            endpoints=servers,
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
