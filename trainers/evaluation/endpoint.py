"""Answers from a server that speaks the OpenAI protocol (vLLM, Ollama, llama.cpp, `advisor serve`, the vendors).

Requests go out four at a time; the client library repeats those that fail for a passing reason (429, 5xx, a dropped
connection), with growing pauses. What was answered before an error is kept by the caller.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any
from urllib.parse import urlsplit

from advisor.base.errors import AdvisorError, CouldNotError, InvalidDataError, UsageError, require
from trainers.data.tools import Tools, for_protocol
from trainers.evaluation.prompts import Messages
from trainers.evaluation.spec import Answer, CandidateSpec
from trainers.evaluation.tool_answers import as_served

PARALLEL = 4
_RETRIES = 5
_TIMEOUT_S = 300.0
_DEFAULT_KEY = "OPENAI_API_KEY"


class Endpoint:
    """One served model. Raises `MissingPartError` without the client library, `UsageError` without the named key."""

    def __init__(self, candidate: CandidateSpec, *, retries: int = _RETRIES) -> None:
        require("openai", "api")
        import openai

        assert candidate.endpoint is not None
        _refuse_silent_neighbour(candidate.endpoint)
        self._openai = openai
        self.url = candidate.endpoint
        self._client = openai.OpenAI(
            base_url=candidate.endpoint, api_key=_key(candidate), max_retries=retries, timeout=_TIMEOUT_S
        )
        self.model = candidate.served_model or self._only_model()
        self._plain = False
        """Whether the server refused temperature and max_tokens (reasoning models do)."""

    def answers(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int,
        tools: Sequence[Tools] | None = None,
        schema: dict[str, Any] | None = None,
    ) -> Iterator[tuple[int, Answer]]:
        """(place of the prompt, answer) as they come in; `id` is left empty. `tools`: one entry a prompt."""
        given = tools or [()] * len(prompts)
        with ThreadPoolExecutor(PARALLEL) as pool:
            pairs = enumerate(zip(prompts, given, strict=True))
            jobs = {pool.submit(self.answer, prompt, max_new_tokens, schema, own): i for i, (prompt, own) in pairs}
            try:
                for job in as_completed(jobs):
                    yield jobs[job], job.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def answer(
        self, messages: Messages, max_new_tokens: int, schema: dict[str, Any] | None, tools: Tools = ()
    ) -> Answer:
        """One request."""
        began = time.monotonic()
        try:
            made = self._create(for_protocol(messages), max_new_tokens, schema, tools)
        except self._openai.OpenAIError as error:
            raise self._explained(error) from error
        seconds = time.monotonic() - began
        if not made.choices:
            raise CouldNotError("the server answered without an answer", where=self.url, fix="look at its log")
        choice, usage = made.choices[0], made.usage
        return Answer(
            id="",
            output=as_served(choice.message, tools),
            prompt_tokens=usage.prompt_tokens if usage else None,
            output_tokens=usage.completion_tokens if usage else None,
            ended=choice.finish_reason != "length",
            seconds=round(seconds, 4),
        )

    def _create(self, messages: Messages, max_new_tokens: int, schema: dict[str, Any] | None, tools: Tools) -> Any:
        extra: dict[str, Any] = {"tools": [dict(tool) for tool in tools]} if tools else {}
        if schema is not None:
            shape = {"name": "answer", "strict": True, "schema": schema}
            extra["response_format"] = {"type": "json_schema", "json_schema": shape}
        if self._plain:
            return self._send(messages, max_completion_tokens=max_new_tokens, **extra)
        try:
            return self._send(messages, max_tokens=max_new_tokens, temperature=0, **extra)
        except self._openai.BadRequestError as error:
            if "max_tokens" not in str(error) and "temperature" not in str(error):
                raise
            self._plain = True
            return self._send(messages, max_completion_tokens=max_new_tokens, **extra)

    def _send(self, messages: Messages, **options: Any) -> Any:
        return self._client.chat.completions.create(model=self.model, messages=messages, **options)

    def _only_model(self) -> str:
        """The model that the server has, when it has just one."""
        try:
            names = [str(model.id) for model in self._client.models.list()]
        except self._openai.OpenAIError as error:
            raise self._explained(error) from error
        if len(names) != 1:
            listed = ", ".join(names[:10]) or "none"
            raise UsageError(f"the server has {len(names)} models", where=self.url, fix=f"--model-name: {listed}")
        return names[0]

    def _explained(self, error: Exception) -> AdvisorError:
        """The error in words a user can act on."""
        text = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        kinds = self._openai
        again = "what was answered is kept: run the same command again to go on"
        if isinstance(error, kinds.AuthenticationError | kinds.PermissionDeniedError):
            return UsageError(f"the server refuses the key: {text}", where=self.url, fix="name it with --key-env NAME")
        if isinstance(error, kinds.NotFoundError):
            fix = f"check the URL (it usually ends in /v1) and the model's name ({self.model})"
            return UsageError(f"the server does not know this: {text}", where=self.url, fix=fix)
        if isinstance(error, kinds.BadRequestError):
            tools = "for tool calls the server may want a setting (vLLM: --enable-auto-tool-choice --tool-call-parser)"
            what = f"the server refuses the request: {text}"
            return InvalidDataError(what, where=self.url, fix=tools if "tool" in text.lower() else None)
        if isinstance(error, kinds.APITimeoutError):
            return CouldNotError(f"no answer within {_TIMEOUT_S:.0f} s", where=self.url, fix=again)
        if isinstance(error, kinds.APIConnectionError):
            return CouldNotError("the server cannot be reached", where=self.url, fix=f"is it running? {again}")
        return CouldNotError(f"the server failed: {text}", where=self.url, fix=again)


def _key(candidate: CandidateSpec) -> str:
    """The key from the environment; local servers want none."""
    if candidate.key_variable is None:
        return os.environ.get(_DEFAULT_KEY, "none")
    key = os.environ.get(candidate.key_variable)
    if not key:
        raise UsageError(f"the environment variable {candidate.key_variable} is not set", fix="export it and try again")
    return key


def _refuse_silent_neighbour(url: str) -> None:
    """A server on this machine that does not listen will not do so after five pauses either."""
    parts = urlsplit(url)
    if parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        return
    try:
        socket.create_connection((parts.hostname, parts.port or 80), timeout=5).close()
    except OSError:
        fix = "start it, for example: advisor serve --run RUN"
        raise CouldNotError("the server cannot be reached", where=url, fix=fix) from None
