"""Plan, confirm and start a training run on this machine.

Method and model come from the project's latest decision unless they are named.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.base.errors import CouldNotError, UsageError
from advisor.cli.common import Options, common_options, emit, emit_json, interactive, talk

if TYPE_CHECKING:
    from advisor.project import Project
    from pricing.entries import Gpu
    from trainers.runs.plan import Plan

_TRAINED_HERE = ("lora", "qlora", "full", "encoder")
_BASIS = {"probe": "20 measured steps", "formula": "formula (--probe measures)"}
_PATH = click.Path(path_type=Path)
_TRACKERS = ("tensorboard", "wandb", "mlflow")
_OF_THE_RUN = ("held_out", "processes", "launcher", "trackers", "usd_per_hour", "memory_limit_gib", "name")


@click.command()
@click.option("--method", help="lora, qlora, full, encoder or api_tuning (default: what the decision recommends).")
@click.option("--model", help="A packaged model, a local folder or a hub id (default: what the decision recommends).")
@click.option("--data", type=_PATH, help="Training rows (default: data/train.jsonl of the project).")
@click.option("--held-out", type=_PATH, help="Rows for held-out loss (default: 5 % of the training rows).")
@click.option("--test", type=_PATH, help="The frozen test set (default: data/test.jsonl); never trained on.")
@click.option("--epochs", type=float, help="Passes over the data.")
@click.option("--max-steps", type=int, help="Stop after this many optimiser steps.")
@click.option("--batch-size", type=int, help="Rows an optimiser step.")
@click.option("--micro-batch-size", type=int, help="Rows in memory at once; same result, less memory.")
@click.option("--learning-rate", type=float, help="Peak learning rate.")
@click.option("--max-tokens", type=int, help="Cut rows to this many tokens (default: nothing is cut).")
@click.option("--gradient-checkpointing", is_flag=True, default=None, help="Less memory, about a third slower.")
@click.option("--seed", type=int, help="Seed of every random decision.")
@click.option("--set", "more", multiple=True, metavar="KEY=VALUE", help="Any other setting of the method.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, help="Processes that train together.")
@click.option("--launcher", type=click.Choice(["torchrun", "ray"]), default="torchrun", help="Who starts them.")
@click.option(
    "--track",
    "trackers",
    multiple=True,
    type=click.Choice(["tensorboard", "wandb", "mlflow"]),
    help="Show curves there.",
)
@click.option("--usd-per-hour", type=click.FloatRange(min=0), help="What this machine costs an hour.")
@click.option(
    "--memory-limit-gib",
    type=click.FloatRange(min=0, min_open=True),
    help="Plan within this, and fail above it instead of taking the machine along.",
)
@click.option("--name", help="Name of the run (default: METHOD-MODEL-N).")
@click.option("--probe", is_flag=True, help="Try 20 steps first and plan with what they measure.")
@click.option(
    "--emit", "emit_for", metavar="TRAINER", help="Write the plan for trl, axolotl, llamafactory, slurm or skypilot."
)
@click.option("--plan-only", is_flag=True, help="Show the plan and stop.")
@click.option("--watch", "watching", is_flag=True, help="Follow the run until it ends; leaving does not touch it.")
@common_options
def command(options: Options, probe: bool, emit_for: str | None, plan_only: bool, watching: bool, **given: Any) -> int:
    """Check every row, show what the run will take, ask, and start it detached from this terminal."""
    from advisor.project import Project
    from trainers.runs import client
    from trainers.runs.plan import make_plan

    project = Project.open(options.project)
    if not (plan_only or emit_for) and not options.yes and not interactive():
        raise UsageError("nobody is there to confirm the run", fix="add --yes to start it, or --plan-only to see it")
    wish = _wish(project, given)
    if not (plan_only or emit_for):
        client.refuse_taken(project.folder, wish.name)
    talk(f"checking every row of {wish.data} for {wish.model} ...")
    plan = make_plan(project.folder, wish, project.catalogue, on=options.today, try_it=probe)
    if emit_for:
        return _emit_for(emit_for, plan, project, options)
    if plan_only:
        return _show_only(plan, options)
    if not options.json:
        _show(plan)
    _refuse(plan)
    if not options.yes and not click.confirm("Start this run?", default=False, err=True):
        talk("not started; nothing was written")
        return 1
    folder = client.create(project.folder, plan.spec)
    client.start(folder)
    if options.json and not watching:
        emit_json({"v": 1, "run": plan.spec.id, "folder": str(folder.resolve())})
    elif not watching:
        emit(plan.spec.id)
        talk(f"started; it goes on without this terminal. Watch it with: advisor runs watch {plan.spec.id}")
    if not watching:
        return 0
    from advisor.cli.runs import watch

    return watch(client.view(folder), json=options.json)


def _wish(project: Project, given: dict[str, Any]) -> Any:
    from trainers.runs.plan import Wish

    method, model, decision = _method_and_model(project, given.pop("method"), given.pop("model"))
    data, test = given.pop("data"), given.pop("test")
    run = {
        key: given.pop(key)
        for key in ("held_out", "processes", "launcher", "trackers", "usd_per_hour", "memory_limit_gib", "name")
    }
    settings = {**_pairs(given.pop("more")), **{key: value for key, value in given.items() if value is not None}}
    return Wish(
        method=method,
        model=model,
        data=data or project.data_folder / "train.jsonl",
        test=test or project.data_folder / "test.jsonl",
        settings=settings,
        decision=decision,
        **run,
    )


def _pairs(texts: tuple[str, ...]) -> dict[str, Any]:
    """KEY=VALUE texts; values are read as JSON where they are JSON."""
    import json

    pairs: dict[str, Any] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key.strip():
            raise UsageError(f"--set {text!r} is not KEY=VALUE", fix="for example: --set rank=32")
        try:
            pairs[key.strip()] = json.loads(value)
        except json.JSONDecodeError:
            pairs[key.strip()] = value
    return pairs


def _method_and_model(project: Project, method: str | None, model: str | None) -> tuple[str, str, str | None]:
    """What to train: as named, else what the latest decision recommends. Raises `UsageError` or `CouldNotError`."""
    if method and model:
        return method, model, None
    files = project.decision_files()
    decision = project.latest_decision()
    best = decision.recommended if decision else None
    by_hand = "name both: --method lora --model smollm2-135m"
    if decision is None or best is None:
        missing = "there is no decision yet" if decision is None else f"the decision is: {decision.verdict}"
        raise UsageError(f"{missing}, so nothing says what to train", fix=f"run: advisor decide; or {by_hand}")
    if best.training not in _TRAINED_HERE:
        if not method and not model:
            raise CouldNotError(
                f"the decision recommends no training on this machine: {best.label} ({best.option_id})",
                where=files[-1].name,
                fix=f"follow the plan in the report (advisor report); to train all the same {by_hand}",
            )
        raise UsageError("the decision names no model to train", where=files[-1].name, fix=by_hand)
    return method or best.training, model or _reference(project, best.model), files[-1].name


def _reference(project: Project, model: str | None) -> str:
    """What a catalogue model is called by those who load it: a packaged id, else its hub id."""
    from trainers.models.local import packaged_models

    if model is None:
        raise UsageError("the decision names no base model", fix="name one with --model")
    if model in packaged_models():
        return model
    entry = project.catalogue.models.get(model)
    hub_id = getattr(entry, "hub_id", None)
    for packaged in packaged_models().values():
        if hub_id and packaged.source.endswith(f"/{hub_id}"):
            return packaged.id
    if hub_id is None:
        raise UsageError(
            f"where the weights of {model} are is not known", fix="name a local folder or hub id with --model"
        )
    return str(hub_id)


def _emit_for(name: str, plan: Plan, project: Project, options: Options) -> int:
    """Write the plan in another trainer's words."""
    from trainers.models.local import model_location
    from trainers.runs.emit import Emitted, write_for
    from trainers.runs.forecast import slowest_hours_on

    _refuse(plan)
    gpu = _chosen_gpu(project)
    job = Emitted(
        spec=plan.spec,
        model=model_location(plan.spec.model),
        data=(project.folder / plan.spec.data.path).resolve(),
        max_tokens=plan.preflight["longest_tokens"],
        dtype=plan.dtype,
        learning_rate=plan.learning_rate,
        project=project.folder.resolve(),
        gpu=gpu.id if gpu else None,
        hours_p90=None if gpu is None else slowest_hours_on(gpu, plan.spec, plan.preflight, options.today),
    )
    files, run = write_for(name, job, project.folder.resolve() / "exports" / name)
    if options.json:
        emit_json({"v": 1, "trainer": name, "files": [str(file) for file in files], "command": run})
    else:
        for file in files:
            emit(str(file))
        talk(f"run it with: {run}")
    return 0


def _chosen_gpu(project: Project) -> Gpu | None:
    """The GPU of the latest decision's recommended option."""
    decision = project.latest_decision()
    best = decision.recommended if decision else None
    wanted = best.gpu if best else None
    return next((g for g in project.catalogue.gpus.values() if g.kind == "gpu" and wanted in (g.id, g.name)), None)


def _refuse(plan: Plan) -> None:
    if plan.refusals:
        first = plan.refusals[0]
        ways = "; or ".join(first["ways_out"])
        raise CouldNotError(f"not started: {first['text']}", fix=ways)


def _show_only(plan: Plan, options: Options) -> int:
    if options.json:
        emit_json({"v": 1, "plan": plan.as_json()})
    else:
        _show(plan)
        for refusal in plan.refusals:
            emit(f"refused ({refusal['code']}): {refusal['text']}")
            for way in refusal["ways_out"]:
                emit(f"  - {way}")
    return 1 if plan.refusals else 0


def _show(plan: Plan) -> None:
    """The plan for people."""
    look, kept = plan.preflight, plan.spec.predicted
    emit(f"method        {plan.spec.method}")
    emit(f"model         {plan.spec.model}")
    emit(
        f"data          {plan.spec.data.path}: {look['rows']} rows to train on, {look['tokens']:,} tokens, "
        f"{_answers(look)}; longest row {look['longest_tokens']}"
    )
    if plan.spec.settings.get("batch_size"):
        emit(f"steps         {look['steps']} of {plan.spec.settings['batch_size']} rows")
    emit(f"machine       {plan.machine}")
    emit(f"peak memory   {_spread(kept and kept.peak_memory_gib, 'GiB')}{_fits(plan)}")
    emit(f"speed         {_spread(kept and kept.tokens_per_s, 'tokens/s')}")
    emit(f"time          {_time(kept and kept.hours)}")
    price = f", at {plan.price_basis}" if plan.price_basis else ""
    emit(f"cost          {_spread(kept and kept.cost_usd, 'USD')}{price}")
    if kept:
        emit(f"basis         {_BASIS.get(kept.basis, kept.basis)}")
    emit(f"test set      {_detectable(plan)}")
    for warning in plan.warnings:
        talk(f"! {warning}")


def _answers(look: dict[str, Any]) -> str:
    if look.get("labels"):
        return ", ".join(f"{name}: {len(known)} answers" for name, known in look["labels"].items())
    return f"{look['trained_share']:.0%} of them answers"


def _fits(plan: Plan) -> str:
    return f" ({plan.fits.replace('_', ' ')})" if plan.fits else ""


def _detectable(plan: Plan) -> str:
    if plan.test_rows is None:
        return "none"
    if plan.smallest_detectable is None:
        return f"{plan.test_rows} rows: too few to show any difference"
    return f"{plan.test_rows} rows: shows differences from {plan.smallest_detectable * 100:.1f} points on (80 % power)"


def _spread(value: Any, unit: str) -> str:
    if value is None:
        return "not predicted"
    return f"{_short(value.p50)} {unit} ({_short(value.p10)} to {_short(value.p90)})"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}"


def _time(hours: Any) -> str:
    from advisor.cli.runs import duration

    if hours is None:
        return "not predicted"
    p50, p10, p90 = (duration(value * 3600) for value in (hours.p50, hours.p10, hours.p90))
    return f"{p50} ({p10} to {p90})"
