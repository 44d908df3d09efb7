"""Tuning by a vendor over the OpenAI protocol: upload, job, events, tuned model; resumable, never paid twice.

What was paid for is written down before anything else happens (`vendor.json`). A job whose creation was not answered is
looked for among the vendor's jobs, by the run's own mark, before another one is made.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from advisor.base.errors import CouldNotError, InvalidDataError, MissingPartError, UsageError, require
from advisor.base.files import dump_json, parse_json, read_text, replace_file
from trainers.methods.shared.job import Job, Outcome
from trainers.methods.shared.preflight import Preflight, refusal
from trainers.methods.vendors import vendor_of
from trainers.runs.spec import Measured, RunSpec

if TYPE_CHECKING:
    from openai import OpenAI

TITLE = "Tuning by a vendor"
ARTEFACT = "vendor"
ESTIMATE = None
"""Nothing is trained here: the vendor's price list says what it costs."""
STATE = "vendor.json"
_CHARACTERS_PER_TOKEN = 4.0
"""A usual ratio for English text; the vendor counts with its own tokenizer."""
_DONE = ("succeeded", "failed", "cancelled")
_TRIES = 6
_FIRST_WAIT_S = 0.5
Answer = TypeVar("Answer")


class Settings(BaseModel):
    """What a vendor lets one choose."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    vendor: str = "openai"
    base_url: str | None = None
    """None: the vendor's own address."""
    epochs: int = Field(3, ge=1, le=50)
    """3: what vendors pick for sets of this size (OpenAI fine-tuning guide)."""
    batch_size: int | None = Field(None, ge=1)
    """None: the vendor chooses."""
    learning_rate_multiplier: float | None = Field(None, gt=0)
    """None: the vendor chooses."""
    seed: int = Field(0, ge=0, lt=2**31)
    poll_s: float = Field(10.0, gt=0, le=600)
    """Seconds between two looks at the job."""


@dataclass(frozen=True, slots=True)
class State:
    """What the vendor knows of us; None until it does."""

    file: str | None = None
    job: str | None = None
    event: str | None = None
    """The last event that was passed on."""


def look(spec: RunSpec, project: Path) -> Preflight:
    """The dry look at every row: form, and a count of tokens by characters."""
    from trainers.methods.shared.examples import read_rows
    from trainers.methods.shared.prepare import files_of

    settings = Settings.model_validate(spec.settings)
    vendor = vendor_of(settings.vendor)
    source, _ = files_of(spec, project, only_look=True)
    rows = read_rows(source)
    sizes = [sum(len(str(message.get("content") or "")) + 12 for message in row.messages) for row in rows]
    answers = sum(len(str(m.get("content") or "")) for row in rows for m in row.messages if m["role"] == "assistant")
    tokens = [max(1, round(size / _CHARACTERS_PER_TOKEN)) for size in sizes]
    refusals = []
    if len(rows) < vendor.fewest_rows:
        text = f"{vendor.title} takes files of {vendor.fewest_rows} rows and more; this one has {len(rows)}"
        refusals.append(refusal("too_few_rows", text, ["label more rows"]))
    if source.stat().st_size > vendor.most_bytes:
        text = f"the file is larger than the {vendor.most_bytes / 2**20:.0f} MiB that {vendor.title} takes"
        refusals.append(refusal("file_too_large", text, ["leave rows out", "another vendor"]))
    ordered = sorted(tokens)
    return Preflight(
        rows=len(rows),
        tokens=sum(tokens),
        trained_tokens=round(answers / _CHARACTERS_PER_TOKEN),
        trained_share=round(answers / max(sum(sizes), 1), 4),
        median_tokens=ordered[len(ordered) // 2],
        p95_tokens=ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))],
        longest_tokens=ordered[-1],
        shared_tokens=0,
        cut_rows=0,
        cut_lines=[],
        untrained_rows=0,
        untrained_lines=[],
        endless_rows=0,
        steps=settings.epochs,
        refusals=refusals,
        warnings=["tokens are estimated from characters; the vendor counts with its own tokenizer"],
    )


def train(job: Job) -> Outcome:
    """Upload, start the job or find the one that was started, pass its events on, note the tuned model's name."""
    from trainers.methods.shared.prepare import files_of

    settings = Settings.model_validate(job.spec.settings)
    source, _ = files_of(job.spec, job.project)
    began = time.monotonic()
    with client_of(settings) as client:
        tuning = _Tuning(client, job, settings)
        tuning.upload(source)
        tuning.begin()
        found = tuning.wait()
    seconds = round(time.monotonic() - began, 2)
    if found is None:
        return Outcome(False, Measured(wall_seconds=seconds), None)
    return _finished(job, settings, found, seconds)


def client_of(settings: Settings) -> OpenAI:
    """A client for the vendor. Raises `MissingPartError` without a key, `UsageError` without an address."""
    require("openai", "api")
    import openai

    vendor = vendor_of(settings.vendor)
    address = settings.base_url or vendor.base_url
    if address is None:
        raise UsageError(f"the address of {vendor.title} is not known", fix="--set base_url=https://.../v1")
    key = os.environ.get(vendor.key_variable)
    if not key:
        raise MissingPartError(
            f"no key for {vendor.title}", fix=f"put it into the environment variable {vendor.key_variable}"
        )
    # Repeating is ours: the client would repeat the creation of a job too, which is paid for.
    return openai.OpenAI(base_url=address, api_key=key, max_retries=0, timeout=60)


class _Tuning:
    """One job at the vendor."""

    def __init__(self, client: OpenAI, job: Job, settings: Settings) -> None:
        self._client = client
        self._job = job
        self._settings = settings
        self._path = job.folder / STATE
        self._state = self._read()
        self._mark = f"{job.spec.id}-{job.spec.data.sha256[:12]}"[:64]

    def upload(self, source: Path) -> None:
        """Upload the rows unless that was done. A file costs nothing, so it may safely be tried again."""
        if self._state.file is not None:
            return
        body = _as_messages(source)
        name = f"{self._mark}.jsonl"
        made = _patiently(lambda: self._client.files.create(file=(name, body), purpose="fine-tune"))
        self._keep(replace(self._state, file=made.id))
        self._job.report("uploaded", file=made.id, bytes=len(body))

    def begin(self) -> None:
        """Start the job unless it was started; an answer that was lost is looked up before anything is paid again."""
        if self._state.job is not None:
            self._job.report("resumed", step=0, checkpoint=self._state.job)
            return
        known = self._started_before()
        if known is None:
            known = self._create()
        self._keep(replace(self._state, job=known))
        self._job.report("started", step=0, total_steps=None, job=known, parameters=0, trainable_parameters=0)

    def _create(self) -> str:
        import openai

        for attempt in range(_TRIES):
            try:
                return str(self._client.fine_tuning.jobs.create(**self._order()).id)
            except openai.RateLimitError:
                _wait(attempt)  # refused, not begun
            except (openai.APIConnectionError, openai.InternalServerError):
                _wait(attempt)
                found = self._started_before()  # it may have been begun all the same
                if found is not None:
                    return found
            except openai.APIStatusError as error:
                raise _refused(error) from None
        raise CouldNotError("the vendor does not take the job", fix="try later: advisor runs resume")

    def _order(self) -> dict[str, Any]:
        chosen: dict[str, Any] = {"n_epochs": self._settings.epochs}
        if self._settings.batch_size is not None:
            chosen["batch_size"] = self._settings.batch_size
        if self._settings.learning_rate_multiplier is not None:
            chosen["learning_rate_multiplier"] = self._settings.learning_rate_multiplier
        return {
            "model": self._job.spec.model,
            "training_file": self._state.file,
            "method": {"type": "supervised", "supervised": {"hyperparameters": chosen}},
            "metadata": {"advisor_run": self._mark},
            "seed": self._settings.seed,
        }

    def _started_before(self) -> str | None:
        """A job of this run that the vendor has already."""
        jobs = _patiently(lambda: self._client.fine_tuning.jobs.list(limit=100))
        for found in jobs.data:
            if (found.metadata or {}).get("advisor_run") == self._mark and found.status not in ("failed", "cancelled"):
                return str(found.id)
        return None

    def wait(self) -> Any:
        """Pass events on until the job is over; None when somebody wants to stop.

        A wish to stop cancels the job at the vendor; when only the supervisor is lost it runs on and is found again.
        """
        known = self._state.job
        assert known is not None
        while True:
            self._pass_events_on(known)
            found = _patiently(lambda: self._client.fine_tuning.jobs.retrieve(known))
            if found.status in _DONE:
                self._pass_events_on(known)
                return self._over(found)
            if self._job.should_stop():
                if (self._job.folder / "stop").exists():
                    _patiently(lambda: self._client.fine_tuning.jobs.cancel(known))
                    self._keep(replace(self._state, job=None, event=None))
                return None
            time.sleep(self._settings.poll_s)

    def _over(self, found: Any) -> Any:
        if found.status == "succeeded" and found.fine_tuned_model:
            return found
        self._keep(replace(self._state, job=None, event=None))
        error = getattr(found, "error", None)
        reason = getattr(error, "message", None) or f"the job {found.status}"
        raise CouldNotError(f"the vendor's job {found.status}: {reason}", where=found.id, fix="mend it, then resume")

    def _pass_events_on(self, known: str) -> None:
        listed = _patiently(lambda: self._client.fine_tuning.jobs.list_events(known, limit=100)).data
        fresh = []
        for event in listed:  # the newest first
            if getattr(event, "id", None) is not None and event.id == self._state.event:
                break
            fresh.append(event)
        for event in reversed(fresh):
            self._pass_on(event)
        newest = next((event.id for event in fresh if getattr(event, "id", None)), None)
        if newest is not None:
            self._keep(replace(self._state, event=newest))

    def _pass_on(self, event: Any) -> None:
        """An event as one of ours; what cannot be understood is passed on as text."""
        data = getattr(event, "data", None)
        data = data if isinstance(data, dict) else {}
        step, loss = data.get("step"), data.get("train_loss")
        if isinstance(step, int) and isinstance(loss, int | float):
            total = data.get("total_steps")
            self._job.report("step", step=step, total_steps=total if isinstance(total, int) else None, loss=loss)
            if isinstance(data.get("valid_loss"), int | float):
                self._job.report("evaluated", step=step, held_out_loss=data["valid_loss"])
            return
        text = getattr(event, "message", None)
        self._job.report("vendor", text=str(text) if text else "an event that cannot be read", level=str(event.level))

    def _read(self) -> State:
        if not self._path.exists():
            return State()
        value = parse_json(read_text(self._path), where=str(self._path))
        return State(file=value.get("file"), job=value.get("job"), event=value.get("event"))

    def _keep(self, state: State) -> None:
        self._state = state
        value = {"v": 1, "file": state.file, "job": state.job, "event": state.event}
        replace_file(self._path, dump_json(value) + "\n")


def _patiently(ask: Callable[[], Answer]) -> Answer:
    """Ask again after 429, 5xx, a dropped or a slow connection. Raises `CouldNotError`."""
    import openai

    for attempt in range(_TRIES):
        try:
            return ask()
        except (openai.RateLimitError, openai.APIConnectionError, openai.InternalServerError) as error:
            last: Exception = error
            _wait(attempt)
        except openai.APIStatusError as error:
            raise _refused(error) from None
        except json.JSONDecodeError as error:
            last = error
            _wait(attempt)
    raise CouldNotError(
        f"the vendor does not answer: {last}", fix="nothing is lost: advisor runs resume goes on from here"
    )


def _wait(attempt: int) -> None:
    time.sleep(_FIRST_WAIT_S * 2**attempt)


def _refused(error: Any) -> CouldNotError:
    body = error.body if isinstance(error.body, dict) else {}
    text = body.get("message") or str(error)
    fix = "check the key" if error.status_code in (401, 403) else "mend the plan and start a new run"
    return CouldNotError(f"the vendor refuses ({error.status_code}): {text}", fix=fix)


def _as_messages(source: Path) -> bytes:
    """The rows in the vendor's form: a `messages` list a line and nothing else (no ids, no notes of ours)."""
    from trainers.methods.shared.examples import read_rows

    lines = [dump_json({"messages": list(row.messages)}) for row in read_rows(source)]
    return ("\n".join(lines) + "\n").encode()


def _finished(job: Job, settings: Settings, found: Any, seconds: float) -> Outcome:
    from trainers.runs.checkpoints import write_folder

    value = {
        "v": 1,
        "run": job.spec.id,
        "vendor": settings.vendor,
        "base": job.spec.model,
        "model": found.fine_tuned_model,
        "job": found.id,
        "trained_tokens": found.trained_tokens,
    }

    def write(folder: Path) -> None:
        (folder / "model.json").write_text(dump_json(value, indent=2) + "\n", encoding="utf-8")

    write_folder(job.folder / ARTEFACT, write)
    return Outcome(True, Measured(wall_seconds=seconds, tokens=found.trained_tokens), ARTEFACT)


def read_tuned(folder: Path) -> str:
    """The name under which the vendor serves the tuned model. Raises `InvalidDataError`."""
    path = folder / "model.json"
    name = parse_json(read_text(path), where=str(path)).get("model")
    if not isinstance(name, str):
        raise InvalidDataError("the file names no model", where=str(path))
    return name
