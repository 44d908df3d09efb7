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
from trainers.methods.shared.parallel import Team, gather, local_share, scatter, team_of
from trainers.methods.shared.settings import BaseSettings
from trainers.runs import checkpoints
from trainers.runs.spec import Measured

if TYPE_CHECKING:
    import torch

_OPTIMIZER = "optimizer.pt"
_SHARDED = "trained.pt"
"""The whole trained weights of a sharded model, by the names of its parameters."""
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

    gathered: dict[str, Any] | None
    """The whole trained weights while the module itself is sharded; what `save_weights` writes then."""

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
    torch.manual_seed(settings.seed)
    team = team_of(trainee, job, shard=settings.shard)
    parameters = [p for p in trainee.module.parameters() if p.requires_grad]
    fused = all(p.device.type in ("cpu", "cuda") for p in parameters) and not team.sharded
    optimizer = torch.optim.AdamW(parameters, lr=peak_learning_rate, weight_decay=settings.weight_decay, fused=fused)
    _limit_memory(job.spec.memory_limit_gib)
    run = _Run(trainee, settings, job, schedule, team, optimizer, parameters, peak_learning_rate)
    progress = _resume(run)
    local, total = local_share(trainee.module)
    job.report(
        "started",
        step=progress.step,
        total_steps=schedule.total,
        trainable_parameters=sum(p.numel() for p in parameters),
        parameters=total,
        parameters_here=local,
        learning_rate=peak_learning_rate,
        memory_gib=peak_memory_gib(),
        world=team.world,
    )
    held_out = trainee.held_out_batches(settings.held_out_rows)
    if held_out and progress.step == 0:
        progress.first_held_out = _evaluate(run, held_out, progress)
    stopped = _train(run, held_out, progress)
    if stopped:
        _save(run, progress)
        return Outcome(False, _measured(progress, began), None)
    _restore_best(run, progress)
    if job.rank == 0:
        checkpoints.write_folder(job.folder / artefact, finish)
    team.agree(True)  # nobody leaves before the artefact is there
    return Outcome(True, _measured(progress, began), artefact)


@dataclass(slots=True)
class _Run:
    """What stays the same from step to step."""

    trainee: Trainee
    settings: BaseSettings
    job: Job
    schedule: Schedule
    team: Team
    optimizer: torch.optim.Optimizer
    parameters: list[torch.nn.Parameter]
    peak: float
    speeds: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=_RECENT_STEPS))
    epoch: int = -1
    batches: list[list[int]] = field(default_factory=list)

    def rows_of(self, step: int) -> list[int]:
        """The rows of a step (1-based); the first steps of a probe take the longest there are."""
        if step <= self.settings.longest_first:
            lengths = self.trainee.lengths()
            return sorted(range(len(lengths)), key=lengths.__getitem__)[-self.settings.batch_size :]
        epoch, place = divmod(step - 1, self.schedule.per_epoch)
        if epoch != self.epoch:
            lengths, size = self.trainee.lengths(), self.settings.batch_size
            self.epoch, self.batches = epoch, order(lengths, size, seed=self.settings.seed, epoch=epoch)
        return self.batches[place]


def _train(run: _Run, held_out: list[Any], progress: Progress) -> bool:
    """Step by step to the end; True when somebody wanted it to stop."""
    schedule, job = run.schedule, run.job
    while progress.step < schedule.total:
        if run.team.agree(job.should_stop()):
            return True
        _one_step(run, progress)
        exhausted = False
        if progress.step in schedule.evaluate and held_out:
            exhausted = _judge(run, held_out, progress)
        if progress.step in schedule.checkpoint or progress.step in schedule.evaluate:
            _save(run, progress)
        if exhausted:
            text = "held-out loss no longer falls: stopping early"
            job.report("warning", code="early_stop", text=text, step=progress.step)
            break
    return False


def _limit_memory(limit_gib: float | None) -> None:
    """Hold the trainer below the plan's limit, so that it fails with a message instead of dragging others down.

    Not earlier: linear algebra libraries try for ever when they get no room for their buffers while they load.
    """
    if limit_gib is not None:
        limit = int(limit_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _one_step(run: _Run, progress: Progress) -> None:
    began = time.monotonic()
    trainee, settings, schedule, job = run.trainee, run.settings, run.schedule, run.job
    step = progress.step + 1
    rate = run.peak * learning_rate_factor(step, schedule.total, settings)
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    trainee.module.train()
    loss_sum, tokens = _backward(run, run.rows_of(step))
    norm = run.team.clip(run.parameters, settings.max_grad_norm)
    if not (math.isfinite(loss_sum) and math.isfinite(norm)):
        raise CouldNotError(
            f"the loss became {loss_sum} at step {step} (gradient norm {norm})",
            fix="lower --learning-rate, or use --set dtype=fp32; the checkpoints before this step are kept",
        )
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    took = time.monotonic() - began
    speeds = run.speeds
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


def _backward(run: _Run, rows: list[int]) -> tuple[float, int]:
    """Gradients of the step's mean loss; returns that loss and the tokens of all rows.

    Each process takes every world-th row. One that gets none repeats a row with weight zero: exchanging gradients
    needs everybody. Data parallel wrappers average over the processes, so each one's sum is scaled by their number.
    """
    import torch

    trainee, team, settings = run.trainee, run.team, run.settings
    mine, weight = rows[team.rank :: team.world], 1.0
    if not mine:
        mine, weight = rows[:1], 0.0
    micro = settings.micro_batch_size or settings.batch_size
    batches = [trainee.batch(mine[i : i + micro]) for i in range(0, len(mine), micro)]
    targets = team.total(weight * sum(trainee.targets(batch) for batch in batches))
    tokens = team.total(weight * sum(trainee.tokens(batch) for batch in batches))
    loss_sum = 0.0
    for number, batch in enumerate(batches, start=1):
        with team.summing(number == len(batches)):
            loss = team.loss_sum(batch) * (weight / max(targets, 1))
            torch.autograd.backward(loss * team.world)
        loss_sum += loss.item()
    return team.total(loss_sum), int(tokens)


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


def _evaluate(run: _Run, held_out: list[Any], progress: Progress) -> float:
    """Mean held-out loss; each process takes its share of the batches, and all take the same number."""
    import torch

    began = time.monotonic()
    trainee, team, job = run.trainee, run.team, run.job
    trainee.module.eval()
    total = count = 0.0
    with torch.no_grad():
        for start in range(0, len(held_out), team.world):
            mine = start + team.rank
            batch = held_out[mine] if mine < len(held_out) else held_out[0]
            loss_sum = float(team.loss_sum(batch))
            if mine < len(held_out):
                total, count = total + loss_sum, count + trainee.targets(batch)
    loss = team.total(total) / max(1.0, team.total(count))
    job.report(
        "evaluated", step=progress.step, held_out_loss=round(loss, 6), seconds=round(time.monotonic() - began, 3)
    )
    progress.last_held_out = loss
    return loss


def _judge(run: _Run, held_out: list[Any], progress: Progress) -> bool:
    """Evaluate; remember the best; True when patience is exhausted."""
    job, settings = run.job, run.settings
    loss = _evaluate(run, held_out, progress)
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


def _save(run: _Run, progress: Progress) -> None:
    """A checkpoint, written by the first process; of a sharded model all must gather it."""
    import torch

    began = time.monotonic()
    job, trainee, optimizer = run.job, run.trainee, run.optimizer
    weights: dict[str, Any] | None = None
    state: dict[str, Any] = {}
    if run.team.sharded:
        weights, state = gather(trainee.module, optimizer)
    if job.rank == 0:
        trainee.gathered = weights
        state = state if weights is not None else optimizer.state_dict()

        def write(folder: Path) -> None:
            trainee.save_weights(folder)
            torch.save({"optimizer": state, "random": _random_state()}, folder / _OPTIMIZER)
            if weights is not None:
                torch.save(weights, folder / _SHARDED)

        kept = {"progress": asdict(progress)}
        folder = job.folder / "checkpoints"
        path = checkpoints.save(folder, progress.step, kept, write, protect=progress.best_step)
        seconds = round(time.monotonic() - began, 3)
        job.report("checkpoint", step=progress.step, path=str(path.relative_to(job.folder)), seconds=seconds)


def _resume(run: _Run) -> Progress:
    """Continue from the newest whole checkpoint; say which ones were not whole."""
    import torch

    job = run.job
    found, broken = checkpoints.latest(job.folder / "checkpoints")
    for bad in broken:
        text = f"checkpoint {bad.folder.name} is not usable ({bad.reason}); using the one before it"
        job.report("warning", code="broken_checkpoint", text=text, step=None)
    if found is None:
        return Progress()
    saved = torch.load(found.folder / _OPTIMIZER, weights_only=True)
    _load(run, found.folder, saved["optimizer"])
    torch.set_rng_state(saved["random"]["cpu"])
    if saved["random"]["cuda"]:
        torch.cuda.set_rng_state_all(saved["random"]["cuda"])
    job.report("resumed", step=found.step, checkpoint=found.folder.name)
    return Progress(**found.state["progress"])


def _load(run: _Run, folder: Path, optimizer_state: dict[str, Any]) -> None:
    import torch

    if run.team.sharded:
        weights = torch.load(folder / _SHARDED, weights_only=True)
        scatter(run.trainee.module, run.optimizer, weights, optimizer_state)
        run.trainee.gathered = weights
    else:
        run.trainee.load_weights(folder)
        run.optimizer.load_state_dict(optimizer_state)


def _random_state() -> dict[str, Any]:
    import torch

    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _restore_best(run: _Run, progress: Progress) -> None:
    """Put the weights with the lowest held-out loss back; a sharded model's lie in `gathered` from here on."""
    import torch

    trainee, job = run.trainee, run.job
    if progress.best_step is None or progress.best_step == progress.step:
        if run.team.sharded:
            trainee.gathered, _ = gather(trainee.module, run.optimizer)
        return
    folder = checkpoints.at_step(job.folder / "checkpoints", progress.best_step)
    if folder is None:
        text = f"the best checkpoint (step {progress.best_step}) is not usable; keeping the last weights"
        job.report("warning", code="best_lost", text=text, step=progress.step)
        if run.team.sharded:
            trainee.gathered, _ = gather(trainee.module, run.optimizer)
        return
    if run.team.sharded:
        trainee.gathered = torch.load(folder / _SHARDED, weights_only=True)
    else:
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
