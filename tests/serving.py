"""A local server that speaks the OpenAI protocol and misbehaves on demand."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Any]
Behave = Callable[[int, dict[str, Any]], Reply]


def answer(text: str, finish: str = "stop") -> Reply:
    """A completion as the protocol has it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    frame = {"id": "c", "object": "chat.completion", "created": 0, "model": "m"}
    return 200, {**frame, "choices": [choice], "usage": usage}


def failure(status: int, text: str) -> Reply:
    return status, {"error": {"message": text, "type": "x", "param": None, "code": None}}


class Stub:
    """Answers the n-th request (from 1) as `behave` says; keeps what was asked."""

    def __init__(self) -> None:
        self.behave: Behave = lambda number, body: answer(body["messages"][-1]["content"].upper())
        self.models = ["m"]
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.lock = threading.Lock()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = [{"id": name, "object": "model", "created": 0, "owned_by": "x"} for name in stub.models]
                self._send(200, {"object": "list", "data": data})

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with stub.lock:
                    stub.asked.append(body)
                    number = len(stub.asked)
                stub.keys.add(self.headers.get("Authorization", ""))
                self._send(*stub.behave(number, body))

            def _send(self, status: int, value: Any) -> None:
                if status == 0:  # drop the connection
                    self.close_connection = True
                    return
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("Retry-After-Ms", "1")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:
                """Silence."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
