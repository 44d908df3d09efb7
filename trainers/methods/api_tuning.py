"""Tuning by a vendor: upload, job, events, tuned model; resumable, never paid twice.

The vendors and the protocols they speak are in `trainers.methods.vendors`; one client carries them all.

What was paid for is written down before anything else happens (`vendor.json`). A job whose creation was not answered is
looked for among the vendor's jobs, by the run's own mark, before another one is made.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from advisor.base.errors import CouldNotError, InvalidDataError, MissingPartError, UsageError, require
from advisor.base.files import dump_json, parse_json, read_text, replace_file
from trainers.data.conversation import text_of
from trainers.data.tools import for_protocol
from trainers.methods.shared.job import Job, Outcome
from trainers.methods.shared.preflight import Preflight, refusal
from trainers.methods.vendors import Vendor, vendor_of
from trainers.methods.vendors.jobs import Jobs, Order, Said, Standing, jobs_of
from trainers.runs.spec import Measured, RunSpec

if TYPE_CHECKING:
    from openai import OpenAI

    from trainers.methods.shared.examples import Row

TITLE = "Tuning by a vendor"
ARTEFACT = "vendor"
ESTIMATE = None
"""Nothing is trained here: the vendor's price list says what it costs."""
STATE = "vendor.json"
_CHARACTERS_PER_TOKEN = 4.0
"""A usual ratio for English text; the vendor counts with its own tokenizer."""
_TRIES = 6
_REMEMBERED = 5000
"""So many of the things that a vendor said are not passed on twice."""
_UNREADABLE = (json.JSONDecodeError, KeyError, TypeError, AttributeError)
"""What an answer of another form than the protocol's ends in."""
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
    """None: the vendor chooses. For vendors that take a multiple of their own rate (OpenAI, Azure)."""
    learning_rate: float | None = Field(None, gt=0, le=1)
    """None: the vendor chooses. For vendors that take the rate itself (Together, Fireworks)."""
    rank: int | None = Field(None, ge=1, le=256)
    """Rank of the adapter where the vendor lets one choose; None: its default."""
    account: str | None = None
    """The customer's name where addresses contain it; None: from the vendor's environment variable."""
    seed: int = Field(0, ge=0, lt=2**31)
    poll_s: float = Field(10.0, gt=0, le=600)
    """Seconds between two looks at the job."""


@dataclass(frozen=True, slots=True)
class State:
    """What the vendor knows of us; None until it does."""

    file: str | None = None
    job: str | None = None
    seen: tuple[str, ...] = ()
    """What was passed on already, the newest last."""


def _tools_size(row: Row) -> int:
    """Characters of the tool definitions, which the vendor writes into the prompt."""
    return len(dump_json(list(row.tools))) if row.tools else 0


def look(spec: RunSpec, project: Path) -> Preflight:
    """The dry look at every row: form, and a count of tokens by characters."""
    from trainers.methods.shared.examples import read_rows
    from trainers.methods.shared.prepare import files_of

    settings = Settings.model_validate(spec.settings)
    vendor = vendor_of(settings.vendor)
    source, _ = files_of(spec, project, only_look=True)
    rows = read_rows(source)
    sizes = [sum(len(text_of(message)) + 12 for message in row.messages) + _tools_size(row) for row in rows]
    answers = sum(len(text_of(m)) for row in rows for m in row.messages if m["role"] == "assistant")
    tokens = [max(1, round(size / _CHARACTERS_PER_TOKEN)) for size in sizes]
    refusals = _unknown_to(vendor, settings)
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
        warnings=[
            "tokens are estimated from characters; the vendor counts with its own tokenizer",
            *_missing(vendor, settings),
        ],
    )


def _missing(vendor: Vendor, settings: Settings) -> list[str]:
    """What must be there when the run starts and is not yet."""
    wanted = [vendor.key_variable]
    if vendor.account_variable is not None and settings.account is None:
        wanted.append(vendor.account_variable)
    return [
        f"the environment variable {name} is not set: the run needs it" for name in wanted if not os.environ.get(name)
    ]


def _unknown_to(vendor: Vendor, settings: Settings) -> list[dict[str, Any]]:
    """Settings that this vendor would not understand: better refused than silently left out."""
    wrong = "learning_rate" if vendor.learning_rate == "multiplier" else "learning_rate_multiplier"
    right = {"learning_rate": "learning_rate_multiplier", "learning_rate_multiplier": "learning_rate"}[wrong]
    found = []
    if getattr(settings, wrong) is not None:
        found.append(
            refusal("unknown_setting", f"{vendor.title} takes no {wrong}", [f"--set {right}=...", "leave it out"])
        )
    if settings.rank is not None and vendor.protocol == "openai":
        found.append(refusal("unknown_setting", f"{vendor.title} takes no rank", ["leave it out"]))
    return found


def train(job: Job) -> Outcome:
    """Upload, start the job or find the one that was started, pass its events on, note the tuned model's name."""
    from trainers.methods.shared.prepare import files_of

    settings = Settings.model_validate(job.spec.settings)
    source, _ = files_of(job.spec, job.project)
    began = time.monotonic()
    with client_of(settings) as client:
        tuning = _Tuning(service_of(settings, client), job, settings)
        tuning.upload(source)
        tuning.begin()
        found = tuning.wait()
        if found is None:
            return Outcome(False, Measured(wall_seconds=round(time.monotonic() - began, 2)), None)
        kept = tuning.checkpoints()
    return _finished(job, settings, tuning.job, found, kept, round(time.monotonic() - began, 2))


def service_of(settings: Settings, client: OpenAI) -> Jobs:
    """The vendor's service behind a client."""
    vendor = vendor_of(settings.vendor)
    account = settings.account or os.environ.get(vendor.account_variable or "")
    return jobs_of(vendor.protocol, client, account or None)


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

    def __init__(self, service: Jobs, job: Job, settings: Settings) -> None:
        self._service = service
        self._job = job
        self._settings = settings
        self._path = job.folder / STATE
        self._state = self._read()
        self._mark = f"{job.spec.id}-{job.spec.data.sha256[:12]}"[:64]

    @property
    def job(self) -> str:
        """The vendor's id of the job. Only after `begin`."""
        known = self._state.job
        assert known is not None
        return known

    def upload(self, source: Path) -> None:
        """Upload the rows unless that was done. A file costs nothing, so it may safely be tried again."""
        if self._state.file is not None:
            return
        body = _as_messages(source)
        rows = body.count(b"\n")
        made = _patiently(lambda: self._service.upload(f"{self._mark}.jsonl", body, rows))
        self._keep(replace(self._state, file=made))
        self._job.report("uploaded", file=made, bytes=len(body))

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
                return self._service.create(self._order())
            except openai.RateLimitError:
                _wait(attempt)  # refused, not begun
            except (openai.APIConnectionError, openai.InternalServerError, openai.ConflictError, *_UNREADABLE):
                _wait(attempt)
                found = self._started_before()  # it may have been begun all the same
                if found is not None:
                    return found
            except openai.APIStatusError as error:
                raise _refused(error) from None
        raise CouldNotError("the vendor does not take the job", fix="try later: advisor runs resume")

    def _order(self) -> Order:
        chosen = self._settings
        return Order(
            model=self._job.spec.model,
            file=str(self._state.file),
            mark=self._mark,
            epochs=chosen.epochs,
            seed=chosen.seed,
            batch_size=chosen.batch_size,
            learning_rate=chosen.learning_rate,
            learning_rate_multiplier=chosen.learning_rate_multiplier,
            rank=chosen.rank,
        )

    def _started_before(self) -> str | None:
        """A job of this run that the vendor has already."""
        return _patiently(lambda: self._service.started_before(self._mark))

    def wait(self) -> Standing | None:
        """Pass events on until the job is over; None when somebody wants to stop.

        A wish to stop cancels the job at the vendor; when only the supervisor is lost it runs on and is found again.
        """
        known = self.job
        while True:
            self._pass_events_on(known)
            found = _patiently(lambda: self._service.look(known))
            if found.status != "running":
                self._pass_events_on(known)
                return self._over(known, found)
            if self._job.should_stop():
                if (self._job.folder / "stop").exists():
                    _patiently(lambda: self._service.cancel(known))
                    self._keep(replace(self._state, job=None, seen=()))
                return None
            time.sleep(self._settings.poll_s)

    def checkpoints(self) -> list[dict[str, Any]]:
        """What the vendor keeps besides the last weights; nothing when it does not say."""
        try:
            return [asdict(kept) for kept in _patiently(lambda: self._service.checkpoints(self.job)) if kept.model]
        except CouldNotError:
            return []

    def _over(self, known: str, found: Standing) -> Standing:
        if found.status == "succeeded" and found.model:
            return found
        self._keep(replace(self._state, job=None, seen=()))
        reason = found.reason or f"the job {found.status}"
        raise CouldNotError(f"the vendor's job {found.status}: {reason}", where=known, fix="mend it, then resume")

    def _pass_events_on(self, known: str) -> None:
        seen = set(self._state.seen)
        fresh = [
            said for said in _patiently(lambda: self._service.said(known)) if said.id is None or said.id not in seen
        ]
        for said in fresh:
            self._pass_on(said)
        named = tuple(said.id for said in fresh if said.id is not None)
        if named:
            self._keep(replace(self._state, seen=(*self._state.seen, *named)[-_REMEMBERED:]))

    def _pass_on(self, said: Said) -> None:
        """Something said as an event of ours; what cannot be understood is passed on as text."""
        if said.step is not None and (said.loss is not None or said.held_out_loss is not None):
            if said.loss is not None:
                self._job.report("step", step=said.step, total_steps=said.total_steps, loss=said.loss)
            if said.held_out_loss is not None:
                self._job.report("evaluated", step=said.step, held_out_loss=said.held_out_loss)
            return
        self._job.report("vendor", text=said.text or "an event that cannot be read", level=said.level)

    def _read(self) -> State:
        if not self._path.exists():
            return State()
        value = parse_json(read_text(self._path), where=str(self._path))
        return State(file=value.get("file"), job=value.get("job"), seen=tuple(value.get("seen") or ()))

    def _keep(self, state: State) -> None:
        self._state = state
        value = {"v": 1, "file": state.file, "job": state.job, "seen": list(state.seen)}
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
        except _UNREADABLE as error:
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
    """The rows in the vendor's form: `messages`, and `tools` where there are some (no ids, no notes of ours)."""
    from trainers.methods.shared.examples import read_rows

    lines = [dump_json(_vendors_row(row)) for row in read_rows(source)]
    return ("\n".join(lines) + "\n").encode()


def _vendors_row(row: Row) -> dict[str, Any]:
    tools = {"tools": list(row.tools)} if row.tools else {}
    return {"messages": for_protocol(row.messages), **tools}


def _finished(
    job: Job, settings: Settings, vendors_job: str, found: Standing, kept: list[dict[str, Any]], seconds: float
) -> Outcome:
    from trainers.runs.checkpoints import write_folder

    value = {
        "v": 1,
        "run": job.spec.id,
        "vendor": settings.vendor,
        "base": job.spec.model,
        "model": found.model,
        "job": vendors_job,
        "trained_tokens": found.trained_tokens,
        "checkpoints": kept,
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
