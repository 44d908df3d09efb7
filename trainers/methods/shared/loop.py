"""The training loop, top to bottom: order, step, held-out loss, checkpoint, resume.

Loss of a step is the sum over its trained tokens divided by their number, whatever the micro-batches and processes.
Every random decision follows from the seed and the step, and a checkpoint holds the weights, the optimiser, the random
state and the place in the data, so that a resumed run gives the losses and weights of one that was never interrupted.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from advisor.base.errors import CouldNotError
from trainers.methods.shared.batches import order, steps_per_epoch, total_steps
from trainers.methods.shared.job import Job, Outcome
from trainers.methods.shared.settings import BaseSettings
from trainers.runs import checkpoints
from trainers.runs.spec import Measured

if TYPE_CHECKING:
    import torch

_OPTIMIZER = "optimizer.pt"
_RECENT_STEPS = 10
_DIVERGED = 3.0
"""Recent loss at this multiple of the best recent loss is called divergence."""


class Trainee(Protocol):
    """What the loop trains: a model with a loss over some rows (given by index) of its training or held-out set."""

    @property
    def module(self) -> torch.nn.Module: ...

    def lengths(self) -> list[int]:
        """Tokens of each training row."""

    def batch(self, rows: Sequence[int]) -> Any:
        """Training rows as something that `loss_sum` takes."""

    def held_out_batches(self, rows: int) -> list[Any]:
        """At least one batch unless there is no held-out set."""

    def tokens(self, batch: Any) -> int:
        """Tokens of the rows, without padding."""

    def targets(self, batch: Any) -> int:
        """How many terms the loss sum of the batch has."""

    def loss_sum(self, batch: Any) -> torch.Tensor:
        """The summed loss of a batch."""

    def save_weights(self, folder: Path) -> None: ...

    def load_weights(self, folder: Path) -> None: ...


@dataclass(slots=True)
class Progress:
    """Where the run stands; goes into each checkpoint."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_step: int | None = None
    best_loss: float | None = None
    stale: int = 0
    first_held_out: float | None = None
    last_held_out: float | None = None
    last_loss: float | None = None
    recent: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Schedule:
    """What happens at which step."""

    total: int
    per_epoch: int
    evaluate: frozenset[int]
    checkpoint: frozenset[int]


def schedule_of(rows: int, settings: BaseSettings) -> Schedule:
    """The steps of a run over `rows` rows."""
    total = total_steps(rows, settings.batch_size, settings.epochs, settings.max_steps)
    return Schedule(
        total,
        steps_per_epoch(rows, settings.batch_size),
        _evenly(total, settings.evaluations) | {total},
        _evenly(total, settings.checkpoints),
    )


def _evenly(total: int, times: int) -> frozenset[int]:
    return frozenset(max(1, round(total * (i + 1) / times)) for i in range(times)) if times else frozenset()


def learning_rate_factor(step: int, total: int, settings: BaseSettings) -> float:
    """Share of the peak learning rate in `step` (1-based): linear warm-up, then half a cosine down to zero."""
    warmup = max(1, round(settings.warmup_share * total))
    if step <= warmup:
        return step / warmup
    if settings.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup + 1)))


def fit(
    trainee: Trainee,
    settings: BaseSettings,
    job: Job,
    *,
    peak_learning_rate: float,
    finish: Callable[[Path], None],
    artefact: str,
) -> Outcome:
    """Train to the end or to a request to stop; `finish` writes the artefact into the folder it is given."""
    import torch

    began = time.monotonic()
    schedule = schedule_of(len(trainee.lengths()), settings)
    parameters = [p for p in trainee.module.parameters() if p.requires_grad]
    fused = all(p.device.type in ("cpu", "cuda") for p in parameters)
    optimizer = torch.optim.AdamW(parameters, lr=peak_learning_rate, weight_decay=settings.weight_decay, fused=fused)
    torch.manual_seed(settings.seed)
    _limit_memory(job.spec.memory_limit_gib)
    progress = _resume(trainee, optimizer, job)
    held_out = trainee.held_out_batches(settings.held_out_rows)
    job.report(
        "started",
        step=progress.step,
        total_steps=schedule.total,
        trainable_parameters=sum(p.numel() for p in parameters),
        parameters=sum(p.numel() for p in trainee.module.parameters()),
        learning_rate=peak_learning_rate,
        memory_gib=peak_memory_gib(),
        world=job.world,
    )
    if held_out and progress.step == 0:
        progress.first_held_out = _evaluate(trainee, held_out, progress, job)
    speeds: deque[tuple[int, float]] = deque(maxlen=_RECENT_STEPS)
    stopped = False
    while progress.step < schedule.total:
        if job.should_stop():
            stopped = True
            break
        _one_step(trainee, optimizer, parameters, progress, schedule, settings, peak_learning_rate, job, speeds)
        exhausted = False
        if progress.step in schedule.evaluate and held_out:
            exhausted = _judge(trainee, held_out, progress, settings, job)
        if (progress.step in schedule.checkpoint or progress.step in schedule.evaluate) and job.rank == 0:
            _save(trainee, optimizer, progress, job)
        if exhausted:
            job.report(
                "warning", code="early_stop", text="held-out loss no longer falls: stopping early", step=progress.step
            )
            break
    if stopped:
        if job.rank == 0:
            _save(trainee, optimizer, progress, job)
        return Outcome(False, _measured(progress, began), None)
    if job.rank == 0:
        _restore_best(trainee, progress, job)
        checkpoints.write_folder(job.folder / artefact, finish)
    return Outcome(True, _measured(progress, began), artefact)


def _limit_memory(limit_gib: float | None) -> None:
    """Hold the trainer below the plan's limit, so that it fails with a message instead of dragging others down.

    Not earlier: linear algebra libraries try for ever when they get no room for their buffers while they load.
    """
    if limit_gib is not None:
        limit = int(limit_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _one_step(
    trainee: Trainee,
    optimizer: torch.optim.Optimizer,
    parameters: list[torch.nn.Parameter],
    progress: Progress,
    schedule: Schedule,
    settings: BaseSettings,
    peak: float,
    job: Job,
    speeds: deque[tuple[int, float]],
) -> None:
    import torch

    began = time.monotonic()
    step = progress.step + 1
    epoch, place = divmod(progress.step, schedule.per_epoch)
    rows = order(trainee.lengths(), settings.batch_size, seed=settings.seed, epoch=epoch)[place]
    micro = settings.micro_batch_size or settings.batch_size
    batches = [trainee.batch(rows[i : i + micro]) for i in range(0, len(rows), micro)]
    targets = sum(trainee.targets(batch) for batch in batches)
    rate = peak * learning_rate_factor(step, schedule.total, settings)
    for group in optimizer.param_groups:
        group["lr"] = rate
    trainee.module.train()
    loss_sum = 0.0
    for batch in batches:
        loss = trainee.loss_sum(batch) / max(targets, 1)
        torch.autograd.backward(loss)
        loss_sum += loss.item()
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm))
    if not (math.isfinite(loss_sum) and math.isfinite(norm)):
        raise CouldNotError(
            f"the loss became {loss_sum} at step {step} (gradient norm {norm})",
            fix="lower --learning-rate, or use --dtype fp32; the checkpoints before this step are kept",
        )
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    took = time.monotonic() - began
    tokens = sum(trainee.tokens(batch) for batch in batches)
    speeds.append((tokens, took))
    progress.step, progress.tokens, progress.seconds = step, progress.tokens + tokens, progress.seconds + took
    progress.last_loss = loss_sum
    _watch_loss(progress, job)
    left = sum(seconds for _, seconds in speeds) / len(speeds) * (schedule.total - step)
    job.report(
        "step",
        step=step,
        total_steps=schedule.total,
        epoch=round(step / schedule.per_epoch, 3),
        loss=round(loss_sum, 6),
        learning_rate=rate,
        gradient_norm=round(norm, 4),
        tokens=progress.tokens,
        tokens_per_s=round(sum(t for t, _ in speeds) / sum(s for _, s in speeds), 1),
        memory_gib=peak_memory_gib(),
        train_seconds=round(progress.seconds, 3),
        seconds_left=round(left, 1),
    )


def _watch_loss(progress: Progress, job: Job) -> None:
    """Warn once when the mean of the last steps climbs far above the best mean seen."""
    progress.recent = [*progress.recent, progress.last_loss or 0.0][-2 * _RECENT_STEPS :]
    if len(progress.recent) < 2 * _RECENT_STEPS:
        return
    before = sum(progress.recent[:_RECENT_STEPS]) / _RECENT_STEPS
    now = sum(progress.recent[_RECENT_STEPS:]) / _RECENT_STEPS
    if now > _DIVERGED * before and now > 1.0:
        text = (
            f"the loss is climbing: {before:.3f} -> {now:.3f} over {2 * _RECENT_STEPS} steps; lower the learning rate"
        )
        job.report("warning", code="diverging", text=text, step=progress.step)
        progress.recent = []


def _evaluate(trainee: Trainee, held_out: list[Any], progress: Progress, job: Job) -> float:
    import torch

    began = time.monotonic()
    trainee.module.eval()
    with torch.no_grad():
        total = sum(float(trainee.loss_sum(batch)) for batch in held_out)
    loss = total / max(1, sum(trainee.targets(batch) for batch in held_out))
    job.report(
        "evaluated", step=progress.step, held_out_loss=round(loss, 6), seconds=round(time.monotonic() - began, 3)
    )
    progress.last_held_out = loss
    return loss


def _judge(trainee: Trainee, held_out: list[Any], progress: Progress, settings: BaseSettings, job: Job) -> bool:
    """Evaluate; remember the best; True when patience is exhausted."""
    loss = _evaluate(trainee, held_out, progress, job)
    if not math.isfinite(loss):
        raise CouldNotError(f"the held-out loss became {loss} at step {progress.step}", fix="lower --learning-rate")
    if progress.best_loss is None or loss < progress.best_loss:
        progress.best_step, progress.best_loss, progress.stale = progress.step, loss, 0
        return False
    progress.stale += 1
    if progress.stale == 2:
        text = (
            f"held-out loss rises ({progress.best_loss:.3f} at step {progress.best_step}, {loss:.3f} now): over-fitting"
        )
        job.report("warning", code="overfitting", text=text, step=progress.step)
    return settings.early_stopping_patience is not None and progress.stale >= settings.early_stopping_patience


def _save(trainee: Trainee, optimizer: torch.optim.Optimizer, progress: Progress, job: Job) -> None:
    import torch

    began = time.monotonic()

    def write(folder: Path) -> None:
        trainee.save_weights(folder)
        torch.save({"optimizer": optimizer.state_dict(), "random": _random_state()}, folder / _OPTIMIZER)

    state = asdict(progress)
    path = checkpoints.save(
        job.folder / "checkpoints", progress.step, {"progress": state}, write, protect=progress.best_step
    )
    seconds = round(time.monotonic() - began, 3)
    job.report("checkpoint", step=progress.step, path=str(path.relative_to(job.folder)), seconds=seconds)


def _resume(trainee: Trainee, optimizer: torch.optim.Optimizer, job: Job) -> Progress:
    """Continue from the newest whole checkpoint; say which ones were not whole."""
    import torch

    found, broken = checkpoints.latest(job.folder / "checkpoints")
    for bad in broken:
        text = f"checkpoint {bad.folder.name} is not usable ({bad.reason}); using the one before it"
        job.report("warning", code="broken_checkpoint", text=text, step=None)
    if found is None:
        return Progress()
    trainee.load_weights(found.folder)
    saved = torch.load(found.folder / _OPTIMIZER, weights_only=True)
    optimizer.load_state_dict(saved["optimizer"])
    torch.set_rng_state(saved["random"]["cpu"])
    if saved["random"]["cuda"]:
        torch.cuda.set_rng_state_all(saved["random"]["cuda"])
    job.report("resumed", step=found.step, checkpoint=found.folder.name)
    return Progress(**found.state["progress"])


def _random_state() -> dict[str, Any]:
    import torch

    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _restore_best(trainee: Trainee, progress: Progress, job: Job) -> None:
    if progress.best_step is None or progress.best_step == progress.step:
        return
    folder = checkpoints.at_step(job.folder / "checkpoints", progress.best_step)
    if folder is None:
        text = f"the best checkpoint (step {progress.best_step}) is not usable; keeping the last weights"
        job.report("warning", code="best_lost", text=text, step=progress.step)
        return
    trainee.load_weights(folder)
    progress.last_held_out = progress.best_loss


def _measured(progress: Progress, began: float) -> Measured:
    return Measured(
        peak_memory_gib=peak_memory_gib(),
        tokens_per_s=round(progress.tokens / progress.seconds, 1) if progress.seconds else None,
        seconds=round(progress.seconds, 2),
        wall_seconds=round(time.monotonic() - began, 2),
        steps=progress.step,
        tokens=progress.tokens,
        final_train_loss=progress.last_loss,
        held_out_loss=progress.last_held_out,
        held_out_loss_before=progress.first_held_out,
    )


def peak_memory_gib() -> float:
    """Peak memory of this process so far: reserved on the GPU when there is one, else resident."""
    import torch

    if torch.cuda.is_available():
        return round(float(torch.cuda.max_memory_reserved()) / 2**30, 3)
    unit = 1 if sys.platform == "darwin" else 1024
    return round(float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * unit / 2**30, 3)
