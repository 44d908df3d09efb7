"""An OpenAI-compatible server for one model on this machine: what an evaluation measured, served for a trial.

python -m trainers.evaluation.server JOB          JOB is a JSON object, see `ServeJob`

GET /v1/models, GET /health, POST /v1/chat/completions (also streaming, JSON schema, tools, sampling). One answer at a
time: for many users at once serve the adapter with vLLM or the like. The server stops when its standard input closes.
"""

from __future__ import annotations

import hmac
import json
import os
import signal
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from advisor.base.errors import AdvisorError, CouldNotError, InvalidDataError
from advisor.base.files import dump_json
from trainers.data.tools import calls_in, definitions, for_protocol
from trainers.evaluation.generate import Generated, LocalModel, Sampling, load_local
from trainers.models.template import shown_by
from trainers.runs.spec import Record

_LARGEST_BODY = 4 * 2**20
_DEFAULT_TOKENS = 512
_IDLE_S = 120


class ServeJob(Record):
    """What to serve and where."""

    name: str
    model: str
    artefact: str | None = None
    dtype: Literal["auto", "bf16", "fp32"] = "auto"
    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)
    key_variable: str | None = None
    as_json: bool = False


class _JsonSchema(BaseModel):
    model_config = ConfigDict(extra="ignore")
    json_schema_: dict[str, Any] = Field(alias="schema")


class _Format(BaseModel):
    model_config = ConfigDict(extra="ignore")
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None

    @property
    def schema_wanted(self) -> dict[str, Any] | None:
        if self.type == "json_schema":
            return self.json_schema.json_schema_ if self.json_schema else {"type": "object"}
        return {"type": "object"} if self.type == "json_object" else None


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore")
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    def plain(self) -> dict[str, Any]:
        """Role, text and what belongs to tools; parts that are not text are refused."""
        tools = {"tool_calls": self.tool_calls, "tool_call_id": self.tool_call_id, "name": self.name}
        return {"role": self.role, "content": self._text(), **{key: part for key, part in tools.items() if part}}

    def _text(self) -> str:
        if not isinstance(self.content, list):
            return self.content or ""
        if any(part.get("type") != "text" for part in self.content):
            raise InvalidDataError("only text content is supported")
        return "".join(str(part.get("text", "")) for part in self.content)


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="ignore")
    include_usage: bool = False


class ChatRequest(BaseModel):
    """The parts of the protocol that are understood; what would change the answer and is not is refused."""

    model_config = ConfigDict(extra="ignore")
    model: str | None = None
    messages: list[_Message] = Field(min_length=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None
    n: Literal[1] | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: _StreamOptions | None = None
    response_format: _Format | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Literal["auto", "none"] | None = None
    logprobs: Literal[False] | None = None

    @property
    def limit(self) -> int:
        return self.max_completion_tokens or self.max_tokens or _DEFAULT_TOKENS

    @property
    def sampling(self) -> Sampling | None:
        """None means greedy, which is also what an absent temperature means here."""
        return Sampling(self.temperature, self.top_p or 1.0, self.seed or 0) if self.temperature else None

    @property
    def offered(self) -> tuple[dict[str, Any], ...]:
        """The tools that may be called."""
        return () if self.tool_choice == "none" else definitions(self.tools or [])

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else list(self.stop or [])


class Service:
    """The model behind a lock."""

    def __init__(self, job: ServeJob) -> None:
        self.name = job.name
        self.key = _key(job.key_variable)
        self.created = int(time.time())
        self._lock = threading.Lock()
        self._local: LocalModel = load_local(job.model, Path(job.artefact) if job.artefact else None, job.dtype)

    def answer(self, request: ChatRequest, on_text: Any = None) -> Generated:
        """One answer; waits for the one before."""
        wanted = request.response_format.schema_wanted if request.response_format else None
        messages = [message.plain() for message in request.messages]
        if request.offered and not shown_by(self._local.tokenizer).tools:
            raise InvalidDataError("tools: the chat template of this model does not write them, so it cannot see them")
        with self._lock:
            return self._local.one(
                messages,
                max_new_tokens=request.limit,
                tools=request.offered,
                schema=wanted,
                sampling=request.sampling,
                on_text=on_text,
            )


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable)
    if not key:
        raise CouldNotError(f"the environment variable {variable} is not set", fix="export it and start again")
    return key


class Handler(BaseHTTPRequestHandler):
    """One request. `service` is set on the class that `make_server` derives."""

    service: Service
    protocol_version = "HTTP/1.1"
    server_version = "advisor"
    timeout = _IDLE_S

    def do_GET(self) -> None:
        if self.path == "/health":
            return self._json(200, {"status": "ok"})
        if not self._allowed():
            return None
        if self.path.rstrip("/") in ("/v1/models", f"/v1/models/{self.service.name}"):
            entry = {"id": self.service.name, "object": "model", "created": self.service.created, "owned_by": "advisor"}
            one = self.path.rstrip("/") != "/v1/models"
            return self._json(200, entry if one else {"object": "list", "data": [entry]})
        return self._error(404, f"there is no {self.path} here", "not_found_error")

    def do_POST(self) -> None:
        body = self._body()
        if body is None or not self._allowed():
            return None
        if self.path != "/v1/chat/completions":
            return self._error(404, f"there is no {self.path} here", "not_found_error")
        try:
            request = ChatRequest.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the body"
            return self._error(400, f"{where}: {first['msg']}")
        if request.model not in (None, self.service.name):
            return self._error(404, f"the model {request.model!r} is not served here", "not_found_error")
        try:
            return self._stream(request) if request.stream else self._whole(request)
        except AdvisorError as error:
            return self._error(400, str(error))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception:
            traceback.print_exc()
            self.close_connection = True
            return self._error(500, "the server failed; its log says how", "server_error")

    def _whole(self, request: ChatRequest) -> None:
        made = self.service.answer(request)
        text, stopped = _cut(made.text, request.stops)
        message, calls = _message(text, request)
        ended = "tool_calls" if calls else "stop" if made.ended or stopped else "length"
        choice = {"index": 0, "message": message, "finish_reason": ended}
        self._json(200, {**self._frame("chat.completion"), "choices": [choice], "usage": _usage(made)})

    def _stream(self, request: ChatRequest) -> None:
        if request.stops:
            return self._error(400, "stop texts are not supported together with stream")
        frame = self._frame("chat.completion.chunk")
        started = False

        def send(delta: dict[str, Any], finish: str | None = None) -> None:
            nonlocal started
            if not started:
                self._begin_stream()
                started = True
                self._event({**frame, "choices": [_delta({"role": "assistant", "content": ""})]})
            self._event({**frame, "choices": [_delta(delta, finish)]})

        if request.offered:  # whether it is a call is known at its end
            made = self.service.answer(request)
            message, calls = _message(made.text, request)
            listed = [{"index": number, **call} for number, call in enumerate(calls)]
            send({"tool_calls": listed} if calls else {"content": message["content"]})
            send({}, "tool_calls" if calls else "stop" if made.ended else "length")
        else:
            made = self.service.answer(request, lambda text: send({"content": text}))
            send({}, "stop" if made.ended else "length")
        if request.stream_options and request.stream_options.include_usage:
            self._event({**frame, "choices": [], "usage": _usage(made)})
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")
        return None

    def _frame(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": kind,
            "created": int(time.time()),
            "model": self.service.name,
        }

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _event(self, value: dict[str, Any]) -> None:
        self._chunk(b"data: " + dump_json(value).encode() + b"\n\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _body(self) -> bytes | None:
        """The request's body; None after an answer that refuses it.

        Only application/json is taken: a page in a browser cannot send that to another origin without being asked.
        """
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self._error(413 if length.isdigit() else 411, "the body must have a length, of at most 4 MiB")
            return None
        body = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            self._error(415, "send application/json")
            return None
        return body

    def _allowed(self) -> bool:
        key = self.service.key
        given = self.headers.get("Authorization", "")
        if key is None or hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
            return True
        self._error(401, "a key is needed: Authorization: Bearer ...", "authentication_error")
        return False

    def _error(self, status: int, text: str, kind: str = "invalid_request_error") -> None:
        self._json(status, {"error": {"message": text, "type": kind, "param": None, "code": None}})

    def _json(self, status: int, value: dict[str, Any]) -> None:
        data = dump_json(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _message(text: str, request: ChatRequest) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The answer as a message, and the tool calls in it."""
    calls = calls_in(text, request.offered)
    if not calls:
        return {"role": "assistant", "content": text}, []
    named = [{"id": f"call_{uuid.uuid4().hex[:24]}", "function": call} for call in calls]
    (message,) = for_protocol([{"role": "assistant", "content": None, "tool_calls": named}])
    return message, message["tool_calls"]


def _delta(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _cut(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """The text before the first stop text."""
    places = [place for stop in stops if stop and (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)


def _usage(made: Generated) -> dict[str, int]:
    total = made.prompt_tokens + made.output_tokens
    return {"prompt_tokens": made.prompt_tokens, "completion_tokens": made.output_tokens, "total_tokens": total}


def make_server(job: ServeJob) -> ThreadingHTTPServer:
    """A server that listens, its model loaded. Raises `CouldNotError` when the port is taken."""
    handler = type("BoundHandler", (Handler,), {"service": Service(job)})
    try:
        server = ThreadingHTTPServer((job.host, job.port), handler)
    except OSError as error:
        fix = "choose another --port, or 0 for any that is free"
        raise CouldNotError(f"cannot listen: {error.strerror}", where=f"{job.host}:{job.port}", fix=fix) from None
    server.daemon_threads = True
    return server


def main(argv: Sequence[str]) -> int:
    """Serve until standard input closes or SIGTERM comes; the exit code of the error that prevented it, or 0."""
    job = ServeJob.model_validate_json(argv[0])
    try:
        server = make_server(job)
    except AdvisorError as error:
        sys.stderr.write(f"advisor: {error}\n")
        return error.exit_code
    url = f"http://{job.host}:{server.server_address[1]}/v1"
    ready: dict[str, Any] = {"v": 1, "url": url, "model": job.name}
    sys.stdout.write((json.dumps(ready) if job.as_json else url) + "\n")
    sys.stdout.flush()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_until_closed, args=(stop,), daemon=True).start()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stop.wait()
    server.shutdown()
    server.server_close()
    return 0


def _until_closed(stop: threading.Event) -> None:
    """Whoever started us holds the other end of our standard input; when it dies, we end."""
    while sys.stdin.buffer.read(1):
        pass
    stop.set()


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: requests may still be at work in threads, and torch aborts when the interpreter is taken from it.
    os._exit(code)
