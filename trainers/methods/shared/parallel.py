"""One process or several: the same loop, the same losses.

- alone: nothing to agree on
- data parallel (torch DistributedDataParallel): each process takes its share of a step's rows; gradients are summed
- sharded (FSDP2, `fully_shard`): besides that, weights, gradients and optimiser states lie spread over the processes

Processes are started by torchrun; the loss of a step is always that of all its rows together.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from advisor.base.errors import CouldNotError, UsageError
from trainers.methods.shared.job import Job

if TYPE_CHECKING:
    import torch


class Team(Protocol):
    """What the loop needs of the processes that train together."""

    rank: int
    world: int
    sharded: bool

    def loss_sum(self, batch: Any) -> torch.Tensor:
        """The summed loss of this process's batch."""

    def total(self, value: float) -> float:
        """The sum of a number over all processes."""

    def agree(self, flag: bool) -> bool:
        """What the first process says."""

    def summing(self, last: bool) -> contextlib.AbstractContextManager[None]:
        """Around a backward pass: gradients are exchanged in the last one of a step."""

    def clip(self, parameters: Sequence[torch.nn.Parameter], most: float) -> float:
        """Clip the gradient's norm; returns the norm before."""


class Alone:
    """One process."""

    rank = 0
    world = 1
    sharded = False

    def __init__(self, trainee: Any) -> None:
        self._trainee = trainee

    def loss_sum(self, batch: Any) -> torch.Tensor:
        loss: torch.Tensor = self._trainee.loss_sum(batch)
        return loss

    def total(self, value: float) -> float:
        return value

    def agree(self, flag: bool) -> bool:
        return flag

    def summing(self, last: bool) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def clip(self, parameters: Sequence[torch.nn.Parameter], most: float) -> float:
        import torch

        return float(torch.nn.utils.clip_grad_norm_(parameters, most))


class Together:
    """Several processes under torchrun."""

    def __init__(self, trainee: Any, job: Job, *, shard: bool) -> None:
        import torch
        import torch.distributed as dist

        self.rank, self.world, self.sharded = job.rank, job.world, shard
        if dist.get_world_size() != job.world:
            raise CouldNotError(
                f"{dist.get_world_size()} processes found each other, {job.world} were planned",
                fix="start again; two runs may have used the same port",
            )
        inner = _loss_module(trainee)
        if shard:
            _shard(inner, trainee)
            self._module: Any = inner
        else:
            self._module = torch.nn.parallel.DistributedDataParallel(inner)

    def loss_sum(self, batch: Any) -> torch.Tensor:
        loss: torch.Tensor = self._module(batch)
        return loss

    def total(self, value: float) -> float:
        import torch
        import torch.distributed as dist

        found = torch.tensor(value, dtype=torch.float64)
        if dist.get_backend() == "nccl":
            found = found.float().cuda()
        dist.all_reduce(found)
        return float(found)

    def agree(self, flag: bool) -> bool:
        return self.total(float(flag) if self.rank == 0 else 0.0) > 0

    @contextlib.contextmanager
    def summing(self, last: bool) -> Iterator[None]:
        if self.sharded:
            self._module.set_requires_gradient_sync(last)
            yield
        elif last:
            yield
        else:
            with self._module.no_sync():
                yield

    def clip(self, parameters: Sequence[torch.nn.Parameter], most: float) -> float:
        import torch

        norm: Any = torch.nn.utils.clip_grad_norm_(parameters, most)
        return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)


def team_of(trainee: Any, job: Job, *, shard: bool) -> Team:
    """Alone, or together with the processes that torchrun started. Raises `UsageError` for sharding alone."""
    if job.world == 1:
        if shard:
            raise UsageError("sharding needs several processes", fix="add --processes 2, or drop the sharding setting")
        return Alone(trainee)
    import torch
    import torch.distributed as dist

    if not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return Together(trainee, job, shard=shard)


def _loss_module(trainee: Any) -> Any:
    """The loss as a module: what wraps a model for several processes hooks into a module's call."""
    import torch

    class Loss(torch.nn.Module):  # type: ignore[misc]
        """Batch in, summed loss out."""

        def __init__(self) -> None:
            super().__init__()
            self.trained = trainee.module

        def forward(self, batch: Any) -> torch.Tensor:
            loss: torch.Tensor = trainee.loss_sum(batch)
            return loss

    return Loss()


def _shard(module: Any, trainee: Any) -> None:
    """Shard each layer by itself, then the rest: only one layer is whole at a time."""
    from torch.distributed.fsdp import fully_shard

    layers = _layers(trainee.module)
    for layer in layers:
        fully_shard(layer)
    fully_shard(module)


def _layers(module: Any) -> list[Any]:
    """The blocks of a transformer: the longest list of modules in it."""
    import torch

    lists = [list(found) for found in module.modules() if isinstance(found, torch.nn.ModuleList)]
    return max(lists, key=len, default=[])


def gather(module: Any, optimizer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The whole weights that are trained and the whole optimiser state of a sharded model; every process must call."""
    from torch.distributed.checkpoint.state_dict import (
        StateDictOptions,
        get_model_state_dict,
        get_optimizer_state_dict,
    )

    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return (
        get_model_state_dict(module, options=options),
        get_optimizer_state_dict(module, optimizer, options=options),
    )


def scatter(module: Any, optimizer: Any, weights: dict[str, Any], state: dict[str, Any]) -> None:
    """Give a sharded model its weights and optimiser state back; every process must call with the whole of them."""
    from torch.distributed.checkpoint.state_dict import (
        StateDictOptions,
        set_model_state_dict,
        set_optimizer_state_dict,
    )

    options = StateDictOptions(full_state_dict=True, strict=False)
    set_model_state_dict(module, weights, options=options)
    set_optimizer_state_dict(module, optimizer, state, options=options)


def local_share(module: Any) -> tuple[int, int]:
    """(parameters that lie in this process, parameters of the model)."""
    local = total = 0
    for parameter in module.parameters():
        total += parameter.numel()
        held = parameter.to_local() if hasattr(parameter, "to_local") else parameter
        local += held.numel()
    return local, total
