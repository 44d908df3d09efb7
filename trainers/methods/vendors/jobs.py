"""What a vendor's fine-tuning service can do, whatever protocol it speaks; a module each in `protocols/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from openai import OpenAI


Status = Literal["running", "succeeded", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Order:
    """A job as we want it. `mark` is ours and finds the job again; None: the vendor chooses."""

    model: str
    file: str
    mark: str
    epochs: int
    seed: int
    batch_size: int | None = None
    learning_rate: float | None = None
    learning_rate_multiplier: float | None = None
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a job stands."""

    status: Status
    model: str | None = None
    """The tuned model's name, once there is one."""
    reason: str | None = None
    trained_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that the vendor tells of a job. Without an `id` it is passed on each time that it is seen."""

    id: str | None
    text: str | None
    level: str = "info"
    step: int | None = None
    total_steps: int | None = None
    loss: float | None = None
    held_out_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A checkpoint that the vendor keeps and can serve or go on from."""

    model: str
    step: int | None
    held_out_loss: float | None = None


class Jobs(Protocol):
    """A vendor's service. Calls raise what the openai client raises: it carries every protocol."""

    def upload(self, name: str, body: bytes, rows: int) -> str:
        """Upload the training file; returns what an order calls it. May be repeated: files cost nothing."""

    def create(self, order: Order) -> str:
        """Start the job; returns its id. Money is spent from here on."""

    def started_before(self, mark: str) -> str | None:
        """The job of that mark that runs or has succeeded."""

    def look(self, job: str) -> Standing: ...

    def said(self, job: str) -> Sequence[Said]:
        """What was said of it, the oldest first (at least the latest)."""

    def checkpoints(self, job: str) -> Sequence[Kept]: ...

    def cancel(self, job: str) -> None: ...


def jobs_of(protocol: str, client: OpenAI, account: str | None) -> Jobs:
    """The service behind `client`; `account` is the customer's name where addresses contain it."""
    module: Any = import_module(f"trainers.methods.vendors.protocols.{protocol}")
    service: Jobs = module.Service(client, account)
    return service


def number(value: object) -> float | None:
    """`value` when it is a number."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def whole(value: object) -> int | None:
    """`value` when it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def text_of(value: object) -> str | None:
    """`value` when it is a text with something in it."""
    return value if isinstance(value, str) and value else None


def mapping(value: object) -> dict[str, Any]:
    """`value` when it is an object, else an empty one: a vendor's answer is not to be trusted."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[dict[str, Any]]:
    """The objects of a list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
