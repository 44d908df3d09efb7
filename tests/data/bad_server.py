"""A local server that speaks the chat-completions protocol and misbehaves on demand."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Server:
    """What the server does and saw. `faults` maps a word in the prompt to what happens, once each, in order."""

    url: str = ""
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    answer: str = '{"label": "ok"}'
    key: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_for(self, prompt: str) -> str | None:
        with self.lock:
            self.asked[prompt] += 1
            for word, faults in self.faults.items():
                if word in prompt and faults:
                    return faults[0] if faults[0].endswith("always") else faults.pop(0)
        return None


def _completion(answer: str, *, finish: str = "stop", usage: bool = True) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "teacher",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": finish}],
    }
    return body | ({"usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}} if usage else {})


@contextmanager
def bad_server() -> Iterator[Server]:
    """Run the server while the block runs."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            prompt = body["messages"][-1]["content"]
            if state.key and self.headers.get("authorization") != f"Bearer {state.key}":
                return self.reply(401, {"error": {"message": "wrong key"}})
            match state.fault_for(prompt):
                case "429":
                    return self.reply(429, {"error": {"message": "slow down"}}, {"retry-after": "0"})
                case "500" | "500 always":
                    return self.reply(500, {"error": {"message": "broken"}})
                case "400 always":
                    return self.reply(400, {"error": {"message": "too long"}})
                case "drop":
                    self.close_connection = True
                    self.connection.close()
                    return None
                case "garbage":
                    return self.reply_text(200, "this is no JSON")
                case "empty":
                    return self.reply(200, _completion(""))
                case "cut":
                    return self.reply(200, _completion('{"label": "o', finish="length"))
                case "no usage":
                    return self.reply(200, _completion(state.answer, usage=False))
                case "wrong form":
                    return self.reply(200, _completion("ok, here is the label"))
            return self.reply(200, _completion(state.answer))

        def reply(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
            self.reply_text(status, json.dumps(body), headers)

        def reply_text(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
