"""OpenAI's fine-tuning protocol: `/files`, `/fine_tuning/jobs` with events, checkpoints and cancel (API reference)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trainers.methods.vendors.jobs import Kept, Order, Said, Standing, Status, mapping, number, text_of, whole

if TYPE_CHECKING:
    from openai import OpenAI

_MARK = "advisor_run"
_OVER: dict[str, Status] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}


class Service:
    """OpenAI, Azure and whoever speaks as they do."""

    def __init__(self, client: OpenAI, account: str | None) -> None:
        self._client = client

    def upload(self, name: str, body: bytes, rows: int) -> str:
        return str(self._client.files.create(file=(name, body), purpose="fine-tune").id)

    def create(self, order: Order) -> str:
        chosen: dict[str, Any] = {"n_epochs": order.epochs}
        if order.batch_size is not None:
            chosen["batch_size"] = order.batch_size
        if order.learning_rate_multiplier is not None:
            chosen["learning_rate_multiplier"] = order.learning_rate_multiplier
        asked: dict[str, Any] = {
            "model": order.model,
            "training_file": order.file,
            "method": {"type": "supervised", "supervised": {"hyperparameters": chosen}},
            "metadata": {_MARK: order.mark},
            "seed": order.seed,
        }
        return str(self._client.fine_tuning.jobs.create(**asked).id)

    def started_before(self, mark: str) -> str | None:
        for found in self._client.fine_tuning.jobs.list(limit=100).data:
            if (found.metadata or {}).get(_MARK) == mark and found.status not in ("failed", "cancelled"):
                return str(found.id)
        return None

    def look(self, job: str) -> Standing:
        found = self._client.fine_tuning.jobs.retrieve(job)
        reason = getattr(getattr(found, "error", None), "message", None)
        status: Status = _OVER.get(found.status, "running")
        return Standing(status, found.fine_tuned_model, reason, found.trained_tokens)

    def said(self, job: str) -> Sequence[Said]:
        newest_first = self._client.fine_tuning.jobs.list_events(job, limit=100).data
        return [_said(event) for event in reversed(newest_first)]

    def checkpoints(self, job: str) -> Sequence[Kept]:
        found = self._client.fine_tuning.jobs.checkpoints.list(job).data
        return [
            Kept(
                one.fine_tuned_model_checkpoint,
                whole(one.step_number),
                number(getattr(one.metrics, "valid_loss", None)),
            )
            for one in found
        ]

    def cancel(self, job: str) -> None:
        self._client.fine_tuning.jobs.cancel(job)


def _kept(one: Any) -> Kept:
    held_out = number(getattr(one.metrics, "valid_loss", None))
    return Kept(str(one.fine_tuned_model_checkpoint), whole(one.step_number), held_out)


def _said(event: Any) -> Said:
    data = mapping(getattr(event, "data", None))
    return Said(
        id=getattr(event, "id", None),
        text=text_of(getattr(event, "message", None)),
        level=str(event.level),
        step=whole(data.get("step")),
        total_steps=whole(data.get("total_steps")),
        loss=number(data.get("train_loss")),
        held_out_loss=number(data.get("valid_loss")),
    )
