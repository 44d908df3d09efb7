"""Together's protocol: `/files/upload`, `/fine-tunes` with events, metrics, checkpoints and cancel.

Source: Together's API reference (openapi 2.0.0) and its Python client 3.1.1. Jobs carry no metadata: ours is found
again by its suffix. Training masks what users say (`train_on_inputs: auto`, rows with `messages`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trainers.methods.vendors.jobs import Kept, Order, Said, Standing, Status, listed, mapping, number, text_of, whole

if TYPE_CHECKING:
    from openai import OpenAI

_OVER: dict[str, Status] = {
    "completed": "succeeded",
    "error": "failed",
    "user_error": "failed",
    "cancelled": "cancelled",
}
_LONGEST_SUFFIX = 40


class Service:
    """Together AI."""

    def __init__(self, client: OpenAI, account: str | None) -> None:
        self._client = client

    def _get(self, path: str) -> dict[str, Any]:
        return mapping(self._client.get(path, cast_to=object))

    def upload(self, name: str, body: bytes, rows: int) -> str:
        made = self._client.post(
            "/files/upload",
            cast_to=object,
            body={"purpose": "fine-tune", "file_name": name, "file_type": "jsonl"},
            files=[("file", (name, body, "application/octet-stream"))],
            options={"headers": {"Content-Type": "multipart/form-data"}},
        )
        return str(mapping(made)["id"])

    def create(self, order: Order) -> str:
        asked: dict[str, Any] = {
            "model": order.model,
            "training_file": order.file,
            "n_epochs": order.epochs,
            "n_checkpoints": 1,
            "batch_size": order.batch_size or "max",
            "random_seed": order.seed,
            "suffix": suffix_of(order.mark),
            "training_method": {"method": "sft", "train_on_inputs": "auto"},
        }
        if order.learning_rate is not None:
            asked["learning_rate"] = order.learning_rate
        if order.rank is not None:
            low_rank = {"lora_r": order.rank, "lora_alpha": 2 * order.rank, "lora_trainable_modules": "all-linear"}
            asked["training_type"] = {"type": "Lora", **low_rank}
        return str(mapping(self._client.post("/fine-tunes", cast_to=object, body=asked))["id"])

    def started_before(self, mark: str) -> str | None:
        ours = suffix_of(mark)
        for found in listed(self._get("/fine-tunes").get("data")):
            same = found.get("suffix") == ours or ours in str(found.get("model_output_name"))
            if same and _OVER.get(str(found.get("status"))) not in ("failed", "cancelled"):
                return str(found["id"])
        return None

    def look(self, job: str) -> Standing:
        found = self._get(f"/fine-tunes/{job}")
        told = [text_of(event.get("message")) for event in listed(found.get("events")) if event.get("type")]
        status: Status = _OVER.get(str(found.get("status")), "running")
        model = text_of(found.get("model_output_name")) or text_of(found.get("x_model_output_name"))
        reason = next((text for text in reversed(told) if text), None) if status == "failed" else None
        return Standing(status, model, reason, whole(found.get("token_count")))

    def said(self, job: str) -> Sequence[Said]:
        events = [_said(event) for event in listed(self._get(f"/fine-tunes/{job}/events").get("data"))]
        return [*events, *self._losses(job)]

    def _losses(self, job: str) -> list[Said]:
        found = listed(self._get(f"/fine-tunes/{job}/metrics").get("metrics"))
        return [_loss(row) for row in found if number(row.get("train/global_step")) is not None]

    def checkpoints(self, job: str) -> Sequence[Kept]:
        found = listed(self._get(f"/fine-tunes/{job}/checkpoints").get("data"))
        return [Kept(str(one.get("path") or ""), whole(one.get("step"))) for one in found]

    def cancel(self, job: str) -> None:
        self._client.post(f"/fine-tunes/{job}/cancel", cast_to=object)


def suffix_of(mark: str) -> str:
    """What the tuned model's name ends with: at most forty characters, different for every mark."""
    return f"{mark[: _LONGEST_SUFFIX - 9]}-{hashlib.sha256(mark.encode()).hexdigest()[:8]}"


def _said(event: dict[str, Any]) -> Said:
    own = text_of(event.get("hash")) or "|".join(
        str(event.get(key)) for key in ("created_at", "type", "step", "message")
    )
    return Said(own, text_of(event.get("message")), str(event.get("level") or "info"))


def _loss(row: dict[str, Any]) -> Said:
    step = int(number(row["train/global_step"]) or 0)
    loss, held_out = (number(row.get(f"{kind}/loss")) for kind in ("train", "eval"))
    return Said(f"metrics-{step}-{'train' if loss is not None else 'eval'}", None, "info", step, None, loss, held_out)
