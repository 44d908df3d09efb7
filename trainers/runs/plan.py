"""From a wish (method, model, data, settings) to a plan that can be shown, confirmed and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from advisor.base.errors import InvalidDataError, UsageError, require
from advisor.base.files import read_jsonl
from trainers.methods import get_method
from trainers.models.local import packaged_models, resolve
from trainers.runs.checkpoints import sha256_of
from trainers.runs.events import utc_now
from trainers.runs.spec import DataFile, Predicted, RunSpec, Spread

if TYPE_CHECKING:
    from pricing.catalogue import Catalogue
    from pricing.setup import TrainingSetup
    from pricing.training import TrainingEstimate
    from trainers.runs.forecast import Machine

DISAGREEING_SHARE = 0.2
"""Share of test rows on which two models differ, while it is not known: the usual assumption of the sample-size tables
for paired proportions."""
_NAME_LENGTH = 40
_EXTRA_OF_TRACKER = {"tensorboard": "track", "wandb": "wandb", "mlflow": "mlflow"}
_VENDOR_TOKENS_LOW, _VENDOR_TOKENS_HIGH = 0.75, 1.4
"""How far a count of tokens by characters may lie from the vendor's own."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants trained. Paths are as given; `settings` only what differs from the method's defaults."""

    method: str
    model: str
    data: Path
    held_out: Path | None = None
    test: Path | None = None
    settings: Mapping[str, Any] | None = None
    processes: int = 1
    launcher: Literal["torchrun", "ray"] = "torchrun"
    trackers: Sequence[Literal["tensorboard", "wandb", "mlflow"]] = ()
    usd_per_hour: float | None = None
    memory_limit_gib: float | None = None
    name: str | None = None
    decision: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A run that may be started when `refusals` is empty."""

    spec: RunSpec
    preflight: dict[str, Any]
    machine: str
    price_basis: str | None
    recipe: str | None
    fits: str | None
    smallest_detectable: float | None
    test_rows: int | None
    dtype: str
    learning_rate: float
    """The peak; where the settings leave it open, the one that the method will take."""
    warnings: tuple[str, ...]
    refusals: tuple[dict[str, Any], ...]

    def as_json(self) -> dict[str, Any]:
        """The plan for programs."""
        kept = self.spec.predicted
        spread = kept.model_dump() if kept else {}
        return {
            "method": self.spec.method,
            "model": self.spec.model,
            "data": self.spec.data.path,
            "rows": self.preflight["rows"],
            "steps": self.preflight["steps"],
            "peak_memory_gib": spread.get("peak_memory_gib"),
            "tokens_per_s": spread.get("tokens_per_s"),
            "hours": spread.get("hours"),
            "cost_usd": spread.get("cost_usd"),
            "basis": spread.get("basis"),
            "fits": self.fits,
            "machine": self.machine,
            "price_basis": self.price_basis,
            "recipe": self.recipe,
            "smallest_detectable": self.smallest_detectable,
            "test_rows": self.test_rows,
            "settings": self.spec.settings,
            "learning_rate": self.learning_rate,
            "preflight": {k: v for k, v in self.preflight.items() if k not in ("refusals", "warnings")},
            "warnings": list(self.warnings),
            "refusals": list(self.refusals),
        }


def make_plan(project: Path, wish: Wish, catalogue: Catalogue, *, on: date, try_it: bool = False) -> Plan:
    """Look at every row in a child process, forecast, and list every reason not to start.

    With `try_it` a probe of 20 steps replaces the forecast by a measurement, unless there is a reason not to start.

    Raises `UsageError` for settings the method does not know, `InvalidDataError` for rows that cannot be read,
    `MissingPartError` when the model is not to be had.
    """
    from trainers.data.review.advice import unproven
    from trainers.runs.look import look

    if wish.launcher == "ray":
        require("ray", "ray")
    for tracker in wish.trackers:
        require(tracker, _EXTRA_OF_TRACKER[tracker])
    spec = _spec(project, wish)
    local = get_method(spec.method).ESTIMATE is not None
    if local:
        resolve(spec.model)  # a misspelt name is told before anything is loaded
    seen = look(project, spec)
    refusals, warnings = list(seen["preflight"]["refusals"]), list(seen["preflight"]["warnings"])
    if local:
        forecast = _forecast(project, spec, seen, wish, catalogue, on)
    else:
        forecast = _vendor_forecast(spec, seen, catalogue, on)
    refusals += forecast.refusals
    warnings += forecast.warnings
    predicted = _computed_overhead(forecast.predicted, seen["preflight"], spec) if local else forecast.predicted
    fits = forecast.fits
    if try_it and local and not refusals:
        predicted = _probed(project, spec, seen["preflight"], forecast.usd_per_hour)
        if over := _over_limit(predicted, spec.memory_limit_gib):
            fits = "does_not_fit"
            refusals.append(over)
    test_rows = _count(wish.test) if wish.test is not None and wish.test.is_file() else None
    if test_rows is None:
        warnings.append("there is no test set: whether the run helped cannot be shown (advisor data split)")
    warnings += unproven(project / "data")
    return Plan(
        spec=spec.model_copy(update={"predicted": predicted, "usd_per_hour": forecast.usd_per_hour}),
        preflight=seen["preflight"],
        machine=forecast.machine,
        price_basis=forecast.price_basis,
        recipe=forecast.recipe,
        fits=fits,
        smallest_detectable=_smallest_detectable(test_rows),
        test_rows=test_rows,
        dtype=seen["dtype"],
        learning_rate=_learning_rate(spec, seen["config"]),
        warnings=tuple(warnings),
        refusals=tuple(refusals),
    )


def _run_tokens(preflight: Mapping[str, Any], spec: RunSpec) -> tuple[float, float]:
    """Tokens that are trained on, and the same with what held-out evaluations cost (a third of a trained token)."""
    mean = preflight["tokens"] / max(preflight["rows"], 1)
    trained = preflight["steps"] * spec.settings["batch_size"] * mean
    held_out = min(spec.settings["held_out_rows"], spec.data.rows - preflight["rows"])
    return trained, trained + (spec.settings["evaluations"] + 1) * held_out * mean / 3


def _computed_overhead(predicted: Predicted | None, preflight: Mapping[str, Any], spec: RunSpec) -> Predicted | None:
    """The forecast with the time of the evaluations in it."""
    if predicted is None:
        return None
    trained, all_tokens = _run_tokens(preflight, spec)
    factor = all_tokens / max(trained, 1.0)

    def more(value: Spread | None) -> Spread | None:
        return value and Spread(p10=value.p10 * factor, p50=value.p50 * factor, p90=value.p90 * factor)

    return predicted.model_copy(update={"hours": more(predicted.hours), "cost_usd": more(predicted.cost_usd)})


def _probed(project: Path, spec: RunSpec, preflight: Mapping[str, Any], usd_per_hour: float | None) -> Predicted:
    from trainers.runs.probe import measured_plan, probe

    _, tokens = _run_tokens(preflight, spec)
    return measured_plan(probe(project, spec), tokens, usd_per_hour)


def _over_limit(predicted: Predicted, limit_gib: float | None) -> dict[str, Any] | None:
    """The refusal for a run that was measured to need more than it may have."""
    from trainers.methods.shared.preflight import refusal

    peak = predicted.peak_memory_gib
    if limit_gib is None or peak is None or peak.p50 <= limit_gib:
        return None
    text = f"it cannot fit: {peak.p50:.1f} GiB measured, {limit_gib:g} GiB allowed (--memory-limit-gib)"
    ways = ["--micro-batch-size 1", "--gradient-checkpointing", "--method qlora", "a smaller model"]
    return refusal("cannot_fit", text, [*ways, "a higher --memory-limit-gib"])


@dataclass(frozen=True, slots=True)
class _Forecast:
    predicted: Predicted | None
    machine: str
    price_basis: str | None
    usd_per_hour: float | None
    recipe: str | None
    fits: str | None
    refusals: list[dict[str, Any]]
    warnings: tuple[str, ...] = ()


def _vendor_forecast(spec: RunSpec, seen: Mapping[str, Any], catalogue: Catalogue, on: date) -> _Forecast:
    """What a vendor's job costs by the price list, and whether the vendor still takes jobs on that day."""
    from pricing.values import in_force
    from trainers.methods.shared.preflight import refusal
    from trainers.methods.vendors import vendor_of

    vendor = vendor_of(spec.settings["vendor"])
    service = catalogue.tuning.get(vendor.service) if vendor.service else None
    if service is None:
        note = f"{vendor.title} is not in the price list: the cost is unknown"
        return _Forecast(None, vendor.title, None, None, None, None, [], (note,))
    refusals, warnings = [], []
    status = service.status(on)
    if status in ("ended", "not yet"):
        others = sorted(other.id for other in catalogue.tuning.values() if other.status(on) == "open")
        text = f"{service.name} takes no jobs on {on} ({status})"
        refusals.append(refusal("vendor_closed", text, [f"an open vendor: {', '.join(others)}", "--method lora"]))
    elif status == "existing customers":
        warnings.append(f"{service.name} is open to existing customers only")
    names = _names_of(spec.model, catalogue)
    offer = next((o for o in service.models if names & {o.model, *o.catalogue_ids}), None)
    price = in_force(offer.train_usd_per_mtok, on) if offer else None
    if price is None:
        warnings.append(f"the price list has no training price of {spec.model} at {service.name}: the cost is unknown")
        return _Forecast(None, vendor.title, None, None, None, None, refusals, tuple(warnings))
    if offer is not None and offer.jobs_until is not None and offer.jobs_until < on:
        text = f"{service.name} takes no jobs for {spec.model} since {offer.jobs_until}"
        refusals.append(refusal("vendor_closed", text, ["another model", "--method lora"]))
    if offer is not None and offer.serving_until is not None:
        warnings.append(f"the tuned model will be served until {offer.serving_until}")
    usd = float(price.value) * seen["preflight"]["tokens"] * spec.settings["epochs"] / 1e6
    cost = Spread(p10=usd * _VENDOR_TOKENS_LOW, p50=usd, p90=usd * _VENDOR_TOKENS_HIGH)
    basis = f"{service.billing_note or service.billing}; {price.source.title}, {price.checked}"
    kept = Predicted(cost_usd=cost, basis="price list")
    return _Forecast(kept, vendor.title, basis, None, None, None, refusals, tuple(warnings))


def _names_of(model: str, catalogue: Catalogue) -> set[str]:
    """What the price list may call a model that a vendor calls `model` (an address, a hub id, with endings)."""
    short = model.rsplit("/", 1)[-1].lower().removesuffix("-reference")
    known = {
        entry.id
        for entry in catalogue.models.values()
        if (getattr(entry, "hub_id", None) or "").lower() == model.lower()
    }
    return {model, short, short.removesuffix("-instruct"), *known}


def _forecast(
    project: Path, spec: RunSpec, seen: Mapping[str, Any], wish: Wish, catalogue: Catalogue, on: date
) -> _Forecast:
    from dataclasses import replace

    from pricing.training import estimate_training
    from pricing.values import Range
    from trainers.runs.forecast import (
        computed_share,
        dims_of_config,
        predicted,
        setup_of,
        this_computer,
    )
    from trainers.runs.outcomes import own_calibration

    machine = this_computer(seen["gpus"], catalogue, on)
    if wish.usd_per_hour is not None:
        price = wish.usd_per_hour
        exact = Range(price, price, price)
        device = replace(machine.device, usd_per_hour=exact)
        machine = replace(machine, device=device, usd_per_hour=price, price_basis="as given")
    machine = _allowed(machine, spec.memory_limit_gib)
    dims = dims_of_config(seen["config"])
    if dims is None or seen["preflight"]["rows"] == 0:
        return _Forecast(None, machine.device.name, machine.price_basis, machine.usd_per_hour, None, None, [])
    setup = setup_of(
        get_method(spec.method).ESTIMATE,
        dims,
        machine,
        spec.settings,
        seen["preflight"],
        seen["dtype"],
        spec.processes,
    )
    estimate = estimate_training(setup, calibration=own_calibration(project, machine.device.name, spec.method))
    refusals = []
    if estimate.fits == "does_not_fit":
        refusals.append(_cannot_fit(estimate, setup, machine, spec.memory_limit_gib))
    causal = setup.method != "encoder"
    packs = machine.device.kind == "cpu"
    work_share = computed_share(dims, seen["preflight"], spec.settings, packs=packs) if causal else 1.0
    return _Forecast(
        predicted(estimate, work_share, machine.device.name),
        machine.device.name,
        machine.price_basis,
        machine.usd_per_hour,
        estimate.recipe,
        estimate.fits,
        refusals,
    )


def _allowed(machine: Machine, limit_gib: float | None) -> Machine:
    """The machine with no more memory than the run may use."""
    from dataclasses import replace

    device = machine.device
    if limit_gib is None or (device.memory_gib is not None and device.memory_gib <= limit_gib):
        return machine
    return replace(machine, device=replace(device, memory_gib=limit_gib))


def _cannot_fit(
    estimate: TrainingEstimate, setup: TrainingSetup, machine: Machine, limit_gib: float | None
) -> dict[str, Any]:
    from trainers.methods.shared.preflight import refusal
    from trainers.runs.forecast import ways_to_fit

    memory_gib, ways = machine.device.memory_gib, ways_to_fit(setup)
    there = f"{memory_gib:.1f} GiB on {machine.device.name}"
    if limit_gib is not None and memory_gib == limit_gib:
        there = f"{limit_gib:g} GiB allowed (--memory-limit-gib)"
        ways = [*ways[:-1], "a higher --memory-limit-gib"]
    return refusal("cannot_fit", f"it cannot fit: about {estimate.peak_memory_gib.p50:.1f} GiB needed, {there}", ways)


def _learning_rate(spec: RunSpec, config: Mapping[str, Any]) -> float:
    from trainers.methods.shared.settings import default_learning_rate

    given = spec.settings.get("learning_rate")
    if not config.get("hidden_size"):
        return float(given or 0.0)
    adapter = spec.method in ("lora", "qlora")
    return float(given or default_learning_rate(int(config["hidden_size"]), adapter=adapter))


def _spec(project: Path, wish: Wish) -> RunSpec:
    method = get_method(wish.method)
    try:
        settings = method.Settings.model_validate(dict(wish.settings or {}))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        known = ", ".join(sorted(method.Settings.model_fields))
        what = f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}"
        raise UsageError(what, where=f"settings of {wish.method}", fix=f"its settings are {known}") from None
    return RunSpec(
        id=wish.name or _free_name(project, wish),
        method=wish.method,
        model=wish.model
        if not Path(wish.model).expanduser().is_dir()
        else str(Path(wish.model).expanduser().resolve()),
        data=data_file(project, wish.data),
        held_out=None if wish.held_out is None else data_file(project, wish.held_out),
        settings=settings.model_dump(mode="json"),
        processes=wish.processes,
        launcher=wish.launcher,
        trackers=tuple(dict.fromkeys(wish.trackers)),
        memory_limit_gib=wish.memory_limit_gib,
        decision=wish.decision,
        created=utc_now(),
    )


def _model_name(model: str) -> str:
    """The model as the plan names it; a folder by its full path, so that the run finds it from anywhere."""
    folder = Path(model).expanduser()
    return str(folder.resolve()) if model not in packaged_models() and folder.is_dir() else model


def data_file(project: Path, path: Path) -> DataFile:
    """A file as the plan names it: relative to the project when inside. Raises `InvalidDataError` when unreadable."""
    if not path.is_file():
        fix = "make it with: advisor data split, or name another with --data"
        raise InvalidDataError("there is no such data file", where=str(path), fix=fix)
    full, root = path.resolve(), project.resolve()
    name = full.relative_to(root) if full.is_relative_to(root) else full
    return DataFile(path=str(name), sha256=sha256_of(path), rows=_count(path))


def _count(path: Path) -> int:
    return sum(1 for _ in read_jsonl(path))


def _free_name(project: Path, wish: Wish) -> str:
    """method-model-N with the first free N."""
    short = Path(wish.model).name.lower()
    base = "".join(c if c.isalnum() or c in ".-" else "-" for c in f"{wish.method}-{short}")[:_NAME_LENGTH].strip("-.")
    number = 1
    while (project / "runs" / f"{base}-{number}").exists():
        number += 1
    return f"{base}-{number}"


def _smallest_detectable(test_rows: int | None) -> float | None:
    """The smallest true difference in the share of right answers that the test set can show with 80 % power."""
    if not test_rows:
        return None
    from trainers.evaluation.statistics import smallest_detectable

    found = smallest_detectable(test_rows, DISAGREEING_SHARE)
    return round(found, 4) if found <= 1 else None
