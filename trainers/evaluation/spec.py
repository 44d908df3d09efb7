"""The plan of an evaluation and what each candidate is, as they stand on disk (`evaluations/NNNN/spec.json`)."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from trainers.runs.spec import DataFile, Record

MODEL_FREE = "nearest_example"


class Prompt(StrEnum):
    """What the model sees before the question."""

    ZERO_SHOT = "zero_shot"
    """The test row's own messages, as they are."""
    FEW_SHOT = "few_shot"
    """The same examples before every question, chosen from the training rows to cover the answers."""
    RETRIEVED = "retrieved"
    """The training rows nearest to the question."""


class CandidateSpec(Record):
    """One way of answering. Exactly one of `model` and `endpoint` is set, or neither: the nearest example's answer."""

    name: str
    model: str | None = None
    """A model reference: a packaged id, a folder or a hub id."""
    artefact: str | None = None
    """What training made of the model (an adapter, a full model): a folder, relative to the project."""
    endpoint: str | None = None
    """Base URL of an OpenAI-compatible server."""
    served_model: str | None = None
    key_variable: str | None = None
    """The environment variable that holds the key; the key itself is never written."""
    prompt: Prompt = Prompt.ZERO_SHOT
    shots: int = Field(0, ge=0, le=200)
    constrained: bool = False
    """Decoding may only produce JSON that follows the schema."""
    approach: str | None = None
    """What it is to the decision: prompting, few_shot_retrieval, lora, ...; None when it is no option."""
    training: str | None = None
    catalogue_model: str | None = None
    usd_per_hour: float | None = None
    """What the machine costs; None when it is not priced."""
    input_usd_per_mtok: float | None = None
    output_usd_per_mtok: float | None = None


class EvaluationSpec(Record):
    """Everything that decides what an evaluation measures. Two evaluations of the same plan are the same."""

    v: Literal[1] = 1
    run: str | None
    artefact_sha256: str | None
    """Of the trained weights, so that a resumed run is not taken for the one that was measured."""
    test: DataFile
    examples: DataFile | None
    """The training rows that prompts may show; None when there are none."""
    metric: str
    json_schema: dict[str, Any] | None = None
    """What answers look like, when they are JSON objects: given, or read off the training answers."""
    rows: int | None = Field(None, ge=1)
    """How many test rows, chosen by the seed; None for all."""
    seed: int = 0
    max_new_tokens: int | None = Field(None, ge=1)
    """None: a quarter more than the longest training or test answer."""
    dtype: Literal["auto", "bf16", "fp32"] = "auto"
    latency_requests: int = Field(10, ge=0, le=1000)
    general: bool = True
    """Whether the tuned model is also asked the packaged everyday questions, beside its base."""
    candidates: tuple[CandidateSpec, ...]

    @property
    def fingerprint(self) -> str:
        """A hash over everything above."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class Answer(Record):
    """One line of `predictions/NAME.jsonl`."""

    id: str
    output: str
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    ended: bool | None = None
    """Whether the model stopped by itself; False when it was cut at the limit."""
    seconds: float | None = None
    """Its share of the time of its batch, or for an endpoint the whole request."""


class Latency(Record):
    """Single requests, one after the other, on an otherwise idle model (milliseconds)."""

    n: int
    p50_ms: float
    p95_ms: float
    prompt_tokens_mean: float | None = None
    output_tokens_mean: float | None = None
