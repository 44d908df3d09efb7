"""Fireworks' protocol: datasets and `supervisedFineTuningJobs` of an account.

Source: Fireworks' API reference and its Python client 1.2.30. The job's id is ours to choose, so that the same order
sent twice is refused by the vendor and not paid twice. There is no list of events: progress is a share of the work.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from advisor.base.errors import CouldNotError, UsageError
from trainers.methods.vendors.jobs import Kept, Order, Said, Standing, Status, mapping, text_of

if TYPE_CHECKING:
    from openai import OpenAI

_OVER: dict[str, Status] = {
    "JOB_STATE_COMPLETED": "succeeded",
    "JOB_STATE_EARLY_STOPPED": "succeeded",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed",
    "JOB_STATE_CANCELLED": "cancelled",
    "JOB_STATE_DELETING": "cancelled",
}
_MOST_ATTEMPTS = 50


class Service:
    """Fireworks AI."""

    def __init__(self, client: OpenAI, account: str | None) -> None:
        if account is None:
            raise UsageError(
                "Fireworks needs the name of your account", fix="set FIREWORKS_ACCOUNT_ID, or --set account="
            )
        self._client = client
        self._home = f"/v1/accounts/{account}"
        self._owner = f"accounts/{account}"

    def _get(self, path: str) -> dict[str, Any]:
        return mapping(self._client.get(f"{self._home}{path}", cast_to=object))

    def _post(self, path: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
        return mapping(self._client.post(f"{self._home}{path}", cast_to=object, body=body, **more))

    def upload(self, name: str, body: bytes, rows: int) -> str:
        import openai

        known = _id(name.removesuffix(".jsonl"))
        about = {"displayName": name, "format": "CHAT", "exampleCount": str(rows), "userUploaded": {}}
        try:
            self._post("/datasets", {"datasetId": known, "dataset": about})
        except openai.ConflictError:
            if self._get(f"/datasets/{known}").get("state") == "READY":
                return f"{self._owner}/datasets/{known}"
        self._post(
            f"/datasets/{known}:upload",
            {},
            files=[("file", (name, body, "application/jsonl"))],
            options={"headers": {"Content-Type": "multipart/form-data"}},
        )
        return f"{self._owner}/datasets/{known}"

    def create(self, order: Order) -> str:
        own = self._free(order.mark)
        asked: dict[str, Any] = {
            "dataset": order.file,
            "baseModel": order.model,
            "displayName": order.mark,
            "epochs": order.epochs,
            "outputModel": f"{self._owner}/models/{own}",
        }
        optional = {"learningRate": order.learning_rate, "loraRank": order.rank, "batchSizeSamples": order.batch_size}
        asked |= {key: value for key, value in optional.items() if value is not None}
        made = self._post("/supervisedFineTuningJobs", asked, options={"params": {"supervisedFineTuningJobId": own}})
        return str(made["name"]).rsplit("/", 1)[-1]

    def started_before(self, mark: str) -> str | None:
        for own in _ids(mark):
            found = self._standing(own)
            if found is None:
                return None
            if found.status not in ("failed", "cancelled"):
                return own
        return None

    def _free(self, mark: str) -> str:
        """The first id of the mark that no job has yet (jobs that failed keep theirs)."""
        free = next((own for own in _ids(mark) if self._standing(own) is None), None)
        if free is None:
            raise CouldNotError(f"{_MOST_ATTEMPTS} jobs of this run failed or were cancelled", fix="start a new run")
        return free

    def _standing(self, own: str) -> Standing | None:
        import openai

        try:
            return self.look(own)
        except openai.NotFoundError:
            return None

    def look(self, job: str) -> Standing:
        found = self._get(f"/supervisedFineTuningJobs/{job}")
        status: Status = _OVER.get(str(found.get("state")), "running")
        reason = text_of(mapping(found.get("status")).get("message"))
        model = text_of(found.get("outputModel")) or f"{self._owner}/models/{job}"
        return Standing(status, model if status == "succeeded" else None, reason)

    def said(self, job: str) -> Sequence[Said]:
        found = self._get(f"/supervisedFineTuningJobs/{job}")
        state = str(found.get("state") or "").removeprefix("JOB_STATE_").lower().replace("_", " ")
        progress = mapping(found.get("jobProgress"))
        share = f", {progress['percent']} % of epoch {progress.get('epoch', 0)}" if "percent" in progress else ""
        return [Said(f"{state}{share}", f"{state}{share}")]

    def checkpoints(self, job: str) -> Sequence[Kept]:
        return []

    def cancel(self, job: str) -> None:
        self._post(f"/supervisedFineTuningJobs/{job}:cancel", {})


def _id(text: str) -> str:
    """An id as Fireworks takes them: lower case letters, digits and hyphens, at most 63, a letter first."""
    clean = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    return (clean if clean[:1].isalpha() else f"r-{clean}")[:60].rstrip("-")


def _ids(mark: str) -> list[str]:
    first = _id(mark)
    return [first, *(f"{first}-{attempt}" for attempt in range(2, _MOST_ATTEMPTS + 1))]
