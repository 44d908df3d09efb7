"""Memory, time and money of training; speed and replicas of serving; how good past estimates were."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from advisor.base.quantiles import Quantiles
    from pricing.calibration import Calibration
    from pricing.catalogue import Catalogue
    from pricing.ownruns import RunRecord, Summary
    from pricing.setup import TrainingSetup
    from pricing.training import TrainingEstimate

BATCH_HELP = "JSON lines of set-ups ('-' is stdin): one line of estimates out for each, in order."


@click.group()
def command() -> None:
    """Estimates with ranges (P10 to P90): of training, of serving, and how good past ones were."""


def _catalogue(options: Options) -> "Catalogue":
    from pricing.catalogue import load_catalogue

    return load_catalogue(*(folder for folder in (options.project / "prices",) if folder.is_dir()))


def _batch(options: Options, file: str, kind: Any) -> None:
    """Lines out as they are made; a bad line has an `error` and the others go on."""
    from advisor.base.files import dump_json
    from pricing.batch import estimate_lines

    def lines() -> Iterable[str]:
        if file == "-":
            return sys.stdin.read().splitlines()
        from advisor.base.files import read_text

        return read_text(Path(file)).splitlines()

    found = [dump_json(line) for line in estimate_lines(lines(), kind, _catalogue(options), options.today)]
    if found:
        emit("\n".join(found))


def _row(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _need(**given: Any) -> None:
    from advisor.base.errors import UsageError

    missing = [f"--{name.replace('_', '-')}" for name, value in given.items() if value is None]
    if missing:
        raise UsageError(f"missing {' and '.join(missing)}", fix="give them, or --batch FILE; see --help")


def _quantiles(value: "Quantiles | None", digits: int = 3) -> str:
    if value is None:
        return "unknown"
    return f"{value.p50:.{digits}g}  ({value.p10:.{digits}g} to {value.p90:.{digits}g})"


@command.command()
@click.option("--batch", "batch", metavar="FILE", help=BATCH_HELP)
@click.option("--model", help="Name, hub id, or path to a model folder or config.json.")
@click.option("--params-b", type=float, help="Billions of parameters, for a model that is not known.")
@click.option(
    "--method",
    type=click.Choice(["full", "lora", "qlora", "int8", "encoder"]),
    default="lora",
    help="How it is trained.  [default: lora]",
)
@click.option("--gpu", help="GPU as the driver or the cloud calls it, or `cpu` for this computer.")
@click.option("--n-gpus", type=int, help="Number of GPUs.  [default: 1]")
@click.option("--micro-batch", type=int, help="Rows of one pass on one GPU.")
@click.option("--grad-accum", type=int, help="Passes before an update.")
@click.option("--seq-len", type=int, help="Longest sequence in tokens, after truncation.")
@click.option("--mean-tokens", type=float, help="Mean length of a row in tokens.")
@click.option("--lengths", type=click.Path(path_type=Path), help="File with the tokens of each row, one number a line.")
@click.option("--rows", type=int, help="Rows of the training data.")
@click.option("--epochs", type=float, help="Passes over the data.  [default: 1]")
@click.option("--attempts", type=click.IntRange(min=1), default=1, help="Runs to pay for.  [default: 1]")
@click.option("--lora-rank", type=int, help="Rank of the adapter.  [default: 16]")
@click.option("--lora-targets", help="all-linear, attention, mlp or q,v.")
@click.option("--optimizer", help="adamw, adamw_fused, adamw_8bit or sgd.")
@click.option("--precision", help="bf16, fp16, fp32, or amp_bf16 (32-bit weights).")
@click.option("--checkpointing/--no-checkpointing", "grad_ckpt", default=None, help="Recompute activations.")
@click.option("--packing/--no-packing", default=None, help="Several rows in one sequence.")
@click.option("--fused-loss/--plain-loss", "fused_ce", default=None, help="Liger or cut cross-entropy.")
@click.option("--compile/--no-compile", "torch_compile", default=None, help="torch.compile.")
@click.option("--attention", help="flash, sdpa or eager.")
@click.option("--sharding", help="ddp, zero2, zero3 or fsdp.")
@click.option("--offload", help="cpu or activations.")
@click.option("--framework", help="transformers, litgpt, torchtune, unsloth, nemo, ...")
@click.option("--usd-per-hour", type=float, help="Your rent of one GPU; the catalogue's otherwise.")
@common_options
def training(
    options: Options,
    *,
    batch: str | None,
    gpu: str | None,
    model: str | None,
    lengths: Path | None,
    attempts: int,
    grad_ckpt: bool | None,
    **given: Any,
) -> None:
    """Peak memory by component, tokens a second, hours and cost of a training job; what to change so that it fits."""
    from dataclasses import replace

    from pricing.rows import read_training
    from pricing.training import estimate_training

    if batch is not None:
        _batch(options, batch, "training")
        return
    _need(model=model, gpu=gpu)
    catalogue = _catalogue(options)
    row = _row(model=model, gpu=gpu, grad_ckpt=grad_ckpt, **given)
    read = read_training(row, catalogue, options.today)
    setup = replace(read.setup, attempts=attempts, lengths=_lengths(lengths, given["seq_len"]))
    estimate = estimate_training(setup, read.assumed, _own_calibration(options, setup))
    if options.json:
        emit_json(_training_json(estimate, setup, read.assumed, catalogue, options))
    else:
        _show_training(estimate, setup, read.assumed, catalogue, options)


def _lengths(path: Path | None, longest: int | None) -> Any:
    from advisor.base.errors import InvalidDataError
    from advisor.base.files import read_text
    from pricing.lengths import Lengths

    if path is None:
        return None
    try:
        return Lengths.of((int(line) for line in read_text(path).split()), longest)
    except ValueError as error:
        raise InvalidDataError(str(error), where=str(path), fix="one positive whole number a line") from None


def _changes(setup: "TrainingSetup", assumed: tuple[str, ...], catalogue: "Catalogue", options: Options) -> Any:
    from pricing.advice import gpus_that_fit, ways_to_fit

    ways = ways_to_fit(setup, assumed)
    return ways, gpus_that_fit(setup, catalogue, options.today) if ways else []


def _training_json(
    estimate: "TrainingEstimate",
    setup: "TrainingSetup",
    assumed: tuple[str, ...],
    catalogue: "Catalogue",
    options: Options,
) -> dict[str, Any]:
    from pricing.estimates import training_json

    ways, gpus = _changes(setup, assumed, catalogue, options)
    components = [{"name": c.name, "gib": c.gib, "note": c.note} for c in estimate.components]
    return {
        "v": 1,
        **training_json(estimate),
        "basis": estimate.basis,
        "device_memory_gib": setup.device.memory_gib,
        "components": components,
        "changes": [_change_json(change) for change in ways],
        "gpus_that_fit": [_change_json(change) for change in gpus],
    }


def _change_json(change: Any) -> dict[str, Any]:
    return {
        "what": change.what,
        "sacrifice": change.sacrifice,
        "peak_memory_gib": change.peak_memory_gib.to_json(),
        "fits": change.fits,
    }


def _show_training(
    estimate: "TrainingEstimate",
    setup: "TrainingSetup",
    assumed: tuple[str, ...],
    catalogue: "Catalogue",
    options: Options,
) -> None:
    from advisor.cli._table import table

    emit(f"recipe: {estimate.recipe}")
    shown = [c for c in estimate.components if c.gib >= 0.005]
    lines = [(c.name, f"{c.gib:.2f}", c.note) for c in shown]
    total = sum(c.gib for c in estimate.components)
    emit(table(("memory of one device", "GiB", ""), [*lines, ("sum", f"{total:.2f}", "")], frozenset({1})))
    emit(f"peak memory    {_quantiles(estimate.peak_memory_gib)} GiB{_against(estimate, setup)}")
    emit(f"speed          {_quantiles(estimate.tokens_per_s)} tokens a second over all devices")
    if setup.rows is not None or setup.lengths is not None:
        emit(f"one run        {_quantiles(estimate.hours)} hours")
        emit(f"cost           {_quantiles(estimate.cost_usd)} USD for {setup.attempts} run(s)")
    emit(f"basis          {estimate.basis}; ranges are P10 to P90")
    for text in estimate.assumed:
        emit(f"assumed        {text}")
    _show_changes(*_changes(setup, assumed, catalogue, options))


def _against(estimate: "TrainingEstimate", setup: "TrainingSetup") -> str:
    if estimate.fits is None:
        return ", whose memory is unknown"
    words = {"fits": "fits", "tight": "tight: P90 does not fit", "does_not_fit": "does not fit"}
    return f" of {setup.device.memory_gib:.1f} GiB: {words[estimate.fits]}"


def _show_changes(ways: list[Any], gpus: list[Any]) -> None:
    from advisor.cli._table import table

    if not ways:
        return
    rows = [(str(i), c.what, c.sacrifice, _quantiles(c.peak_memory_gib), c.fits or "") for i, c in enumerate(ways, 1)]
    emit("\nTo make it fit, in this order (each with those before it):")
    emit(table(("", "change", "sacrifice", "GiB", "verdict"), rows))
    if gpus:
        emit("Or as it is on: " + "; ".join(f"{c.what} ({c.sacrifice})" for c in gpus))


@command.command()
@click.option("--batch", "batch", metavar="FILE", help=BATCH_HELP)
@click.option("--model", help="Name, hub id, or path to a model folder or config.json; also a hosted model.")
@click.option("--params-b", type=float, help="Billions of parameters, for a model that is not known.")
@click.option("--gpu", help="GPU as the driver or the cloud calls it.")
@click.option("--n-gpus", type=int, help="GPUs of one replica.  [default: 1]")
@click.option("--tp", type=int, help="Tensor-parallel degree.")
@click.option("--engine", help="vLLM, TensorRT-LLM, SGLang, llama.cpp, transformers, ...")
@click.option("--quant", help="none, fp8, awq, gptq-int4, int8, q4_k_m, nf4, fp4, ...")
@click.option("--kv-dtype", help="fp8 for a cache of 8 bits.")
@click.option("--input-len", type=int, help="Tokens of a prompt.")
@click.option("--output-len", type=int, help="Tokens of an answer.")
@click.option("--concurrency", type=int, help="Requests at a time.")
@click.option("--max-latency-ms", type=float, help="Limit on the whole answer: the best throughput below it.")
@click.option("--requests-per-s", type=float, help="Average load, for the number of replicas.")
@click.option("--peak-to-average", type=float, default=3.0, help="Peak load over average.  [default: 3]")
@click.option("--redundant", type=click.IntRange(min=0), default=1, help="Spare replicas.  [default: 1]")
@click.option("--adapters", type=click.IntRange(min=1), default=1, help="Adapters that share the base model.")
@click.option("--adapter-rank", type=click.IntRange(min=1), default=16, help="Rank of an adapter.  [default: 16]")
@click.option("--retrieval", is_flag=True, help="Add the latency of retrieval (hosted models).")
@click.option("--retrieved-tokens", type=click.IntRange(min=0), default=0, help="Tokens of documents in each prompt.")
@common_options
def serving(options: Options, *, batch: str | None, model: str | None, gpu: str | None, **given: Any) -> None:
    """First token, time per token, throughput, memory and replicas of a model on a GPU; latency of a hosted model."""
    if batch is not None:
        _batch(options, batch, "serving")
        return
    _need(model=model)
    catalogue = _catalogue(options)
    hosted = next((m for m in catalogue.models.values() if gpu is None and model in (m.id, m.name, *m.aliases)), None)
    if hosted is not None:
        from advisor.cli._serving import show_hosted

        show_hosted(options, hosted, catalogue, given)
        return
    _need(gpu=gpu)
    from advisor.cli._serving import show_serving

    show_serving(options, _row(model=model, gpu=gpu), catalogue, given)


@command.command()
@common_options
def accuracy(options: Options) -> None:
    """What was predicted and what was measured, for every finished run of the project; and what the runs teach."""
    from pricing.ownruns import calibration_of, summarise

    records = _own_runs(options.project)
    if options.json:
        emit_json({"v": 1, "runs": [_record_json(record) for record in records]})
        return
    if not records:
        talk("no finished run yet; `advisor train` predicts, runs and measures one")
        return
    _show_records(records)
    _show_summary("memory", summarise(r.memory_gib for r in records))
    _show_summary("tokens/s", summarise(r.tokens_per_s for r in records))
    _show_summary("hours", summarise(r.hours for r in records))
    calibration = calibration_of(records, records[-1].machine)
    if calibration is not None:
        emit(f"estimates for {records[-1].machine or 'this machine'} now use: {calibration.basis}")


def _show_records(records: "list[RunRecord]") -> None:
    from advisor.cli._table import table

    def cells(figure: Any) -> tuple[str, str, str]:
        if figure is None:
            return "", "", ""
        mark = "inside" if figure.inside else "outside"
        off = figure.measured / figure.predicted.p50 - 1
        return _quantiles(figure.predicted), f"{figure.measured:.3g}", f"{off:+.0%} {mark}"

    head = ("run", "method", "GiB predicted", "measured", "", "tokens/s predicted", "measured", "")
    emit(table(head, [(r.id, r.method, *cells(r.memory_gib), *cells(r.tokens_per_s)) for r in records]))


def _show_summary(name: str, summary: "Summary | None") -> None:
    if summary is not None:
        inside = f"inside P10-P90 {summary.inside_share:.0%}"
        emit(f"{name}: {summary.runs} runs, mean error {summary.mean_error:.1%}, {inside}")


def _record_json(record: "RunRecord") -> dict[str, Any]:
    def figure(compared: Any) -> dict[str, Any] | None:
        if compared is None:
            return None
        return {"predicted": compared.predicted.to_json(), "measured": compared.measured, "inside": compared.inside}

    return {
        "id": record.id,
        "method": record.method,
        "model": record.model,
        "basis": record.basis,
        "peak_memory_gib": figure(record.memory_gib),
        "tokens_per_s": figure(record.tokens_per_s),
        "hours": figure(record.hours),
    }


def _own_runs(project: Path) -> "list[RunRecord]":
    from trainers.runs.outcomes import finished_runs

    return list(finished_runs(project, lambda error: talk(f"left out: {error}")))


def _own_calibration(options: Options, setup: "TrainingSetup") -> "Calibration | None":
    """Own runs on this computer calibrate estimates for it; not those for rented GPUs."""
    from pricing.devices import this_machine
    from pricing.ownruns import calibration_of

    if setup.device.name != this_machine().name or not (options.project / "runs").is_dir():
        return None
    return calibration_of(_own_runs(options.project), setup.device.name, setup.method)
