"""`advisor evaluate --endpoint` against a local server that misbehaves on demand."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from calling import Advisor
from serving import Behave, Reply, Stub, answer, failure


@pytest.fixture
def test_rows(tmp_path: Path) -> Path:
    path = tmp_path / "test.jsonl"
    rows = [{"id": i, "messages": [{"role": "user", "content": f"w{i}"}], "expected": f"W{i}"} for i in range(6)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_answers_are_compared_with_predictions(advisor: Advisor, stub: Stub, test_rows: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("".join(f'{{"id": {i}, "output": "no"}}\n' for i in range(6)))
    ended = advisor(
        "evaluate", "--test", test_rows, "--predictions", f"base={wrong}", "--endpoint", f"served={stub.url}", "--json"
    )
    assert ended.code == 0
    assert ended.json["candidates"]["served"]["score"] == 1
    assert (ended.json["pairs"][0]["verdict"], ended.json["pairs"][0]["p_value"]) == ("helped", 2 / 2**6)
    assert {request["model"] for request in stub.asked} == {"m"}
    assert all(request["temperature"] == 0 for request in stub.asked)


@pytest.mark.slow
@pytest.mark.parametrize("trouble", [failure(429, "slow down"), failure(500, "oops"), failure(503, "busy"), (0, None)])
def test_passing_trouble_is_repeated(advisor: Advisor, stub: Stub, test_rows: Path, trouble: Reply) -> None:
    stub.behave = lambda number, body: trouble if number % 2 else answer(body["messages"][-1]["content"].upper())
    ended = advisor("evaluate", "--test", test_rows, "--endpoint", f"s={stub.url}", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["candidates"]["s"]["score"] == 1
    assert len(stub.asked) > 6


@pytest.mark.parametrize(
    ("reply", "code", "says"),
    [
        (failure(401, "bad key"), 2, "refuses the key"),
        (failure(404, "no such model"), 2, "does not know this"),
        (failure(400, "context too long"), 3, "refuses the request"),
        ((200, {"id": "c", "object": "x", "created": 0, "model": "m", "choices": []}), 1, "without an answer"),
    ],
)
def test_lasting_trouble_is_explained(
    advisor: Advisor, stub: Stub, test_rows: Path, reply: Reply, code: int, says: str
) -> None:
    stub.behave = lambda number, body: reply
    ended = advisor("evaluate", "--test", test_rows, "--endpoint", f"s={stub.url}")
    assert (ended.code, says in ended.err) == (code, True), ended.err


def test_what_was_answered_before_the_trouble_is_kept(
    advisor: Advisor, stub: Stub, test_rows: Path, tmp_path: Path
) -> None:
    good: Behave = lambda number, body: answer(body["messages"][-1]["content"].upper())  # noqa: E731
    stub.behave = lambda number, body: good(number, body) if number <= 3 else failure(400, "quota")
    words = ("evaluate", "--test", test_rows, "--endpoint", f"s={stub.url}", "--save", tmp_path / "kept", "--json")
    assert advisor(*words).code == 3
    kept = (tmp_path / "kept" / "s.jsonl").read_text().splitlines()
    assert 1 <= len(kept) <= 3
    stub.behave, before = good, len(stub.asked)
    ended = advisor(*words)
    assert ended.json["candidates"]["s"]["score"] == 1
    assert len(stub.asked) - before == 6 - len(kept)


def test_a_model_that_takes_no_temperature(advisor: Advisor, stub: Stub, test_rows: Path) -> None:
    def behave(number: int, body: dict[str, Any]) -> Reply:
        if "temperature" in body:
            return failure(400, "Unsupported value: 'temperature'")
        assert body["max_completion_tokens"] > 0
        return answer(body["messages"][-1]["content"].upper())

    stub.behave = behave
    assert advisor("evaluate", "--test", test_rows, "--endpoint", f"s={stub.url}").code == 0


def test_the_key_comes_from_the_environment_and_is_written_nowhere(
    advisor: Advisor, stub: Stub, test_rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("evaluate", "--test", test_rows, "--endpoint", f"s={stub.url}", "--key-env", "MY_KEY", "--save", tmp_path)
    missing = advisor(*words)
    assert (missing.code, "MY_KEY is not set" in missing.err) == (2, True)
    monkeypatch.setenv("MY_KEY", "secret-123")
    ended = advisor(*words, "--json")
    assert ended.code == 0
    assert stub.keys == {"Bearer secret-123"}
    assert "secret-123" not in ended.out + ended.err + (tmp_path / "s.jsonl").read_text()


def test_several_models_want_a_name(advisor: Advisor, stub: Stub, test_rows: Path) -> None:
    stub.models = ["m", "n"]
    words = ("evaluate", "--test", test_rows, "--endpoint", f"s={stub.url}")
    unnamed = advisor(*words)
    assert (unnamed.code, "--model-name: m, n" in unnamed.err) == (2, True)
    assert advisor(*words, "--model-name", "n").code == 0
    assert {request["model"] for request in stub.asked} == {"n"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--endpoint", "s"], "is not NAME=URL"),
        (["--endpoint", "s=localhost:80"], "is not the address of a server"),
        (["--endpoint", "a=http://x", "--endpoint", "b=http://y", "--model-name", "m"], "belongs to no endpoint"),
        (["--endpoint", "s=http://x", "--priced-as", "no-such-model"], "the price catalogue has no model"),
    ],
)
def test_wrong_use(advisor: Advisor, test_rows: Path, words: list[str], says: str) -> None:
    ended = advisor("evaluate", "--test", test_rows, *words)
    assert (ended.code, says in ended.err) == (2, True), ended.err


def test_nobody_listens(advisor: Advisor, test_rows: Path, stub: Stub) -> None:
    """The stub's port after it is closed; named, so that no list of models is asked for first."""
    closed = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    url = f"http://127.0.0.1:{closed.server_address[1]}/v1"
    closed.server_close()
    ended = advisor("evaluate", "--test", test_rows, "--endpoint", f"s={url}", "--model-name", "m")
    assert (ended.code, "cannot be reached" in ended.err) == (1, True), ended.err
