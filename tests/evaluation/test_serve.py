"""`advisor serve` over HTTP, with the client library and without, and an evaluation that asks it."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def server(trained: Path) -> Iterator[dict[str, str]]:
    """The trained run, served; {"url", "model"}."""
    line = [
        sys.executable,
        "-m",
        "advisor",
        "serve",
        "--run",
        "full",
        "--port",
        "0",
        "--json",
        "--project",
        str(trained),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            ready: dict[str, str] = json.loads(process.stdout.readline())
            yield ready
        finally:
            process.terminate()
            assert process.wait(30) == 0


def post(server: dict[str, str], body: Any, kind: str = "application/json") -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(server["url"] + "/chat/completions", data, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def asking(text: str, **more: Any) -> dict[str, Any]:
    turns = [{"role": "system", "content": "Answer with JSON."}, {"role": "user", "content": text}]
    return {"messages": turns, "max_tokens": 40, **more}


def test_it_says_what_it_serves(server: dict[str, str]) -> None:
    assert server["model"] == "full"
    assert server["url"].startswith("http://127.0.0.1:")
    with urllib.request.urlopen(server["url"] + "/models") as answer:
        assert [entry["id"] for entry in json.load(answer)["data"]] == ["full"]


def test_an_answer_with_its_usage(server: dict[str, str]) -> None:
    code, found = post(server, asking("a !"))
    assert code == 200
    assert found["choices"][0]["message"]["role"] == "assistant"
    assert found["choices"][0]["finish_reason"] in ("stop", "length")
    usage = found["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_the_stream_is_the_answer_in_pieces(server: dict[str, str]) -> None:
    import openai

    whole = post(server, asking("B !!"))[1]["choices"][0]["message"]["content"]
    with openai.OpenAI(base_url=server["url"], api_key="none") as client:
        options = {"include_usage": True}
        stream = client.chat.completions.create(model="full", stream=True, stream_options=options, **asking("B !!"))
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert chunks[-1].usage.completion_tokens > 0
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] in ("stop", "length")


def test_a_schema_is_kept_even_with_sampling(server: dict[str, str]) -> None:
    schema = {
        "type": "object",
        "properties": {"k": {"enum": ["x", "y"]}},
        "required": ["k"],
        "additionalProperties": False,
    }
    shape = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    for seed in range(3):
        _, found = post(server, asking("?", response_format=shape, temperature=1.5, seed=seed))
        assert json.loads(found["choices"][0]["message"]["content"])["k"] in ("x", "y")


def test_a_stop_text_cuts(server: dict[str, str]) -> None:
    whole = post(server, asking("a !"))[1]["choices"][0]["message"]["content"]
    assert len(whole) > 3
    _, found = post(server, asking("a !", stop=[whole[2:4]]))
    assert found["choices"][0]["message"]["content"] == whole[:2]
    assert found["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("body", "kind", "code", "says"),
    [
        (b"{", "application/json", 400, "JSON"),
        ({"messages": []}, "application/json", 400, "messages"),
        ({"messages": [{"role": "nobody", "content": "x"}]}, "application/json", 400, "messages.0.role"),
        (asking("x", n=2), "application/json", 400, "n:"),
        (asking("x", temperature=-1), "application/json", 400, "temperature"),
        (asking("x", model="other"), "application/json", 404, "'other' is not served here"),
        (asking("x" * 600), "application/json", 400, "the model takes 512"),
        (asking("x"), "text/plain", 415, "application/json"),
    ],
)
def test_a_wrong_request_gets_a_reason(server: dict[str, str], body: Any, kind: str, code: int, says: str) -> None:
    status, found = post(server, body, kind)
    assert status == code
    assert says in found["error"]["message"]
    assert post(server, asking("a"))[0] == 200  # and the server goes on


def test_the_served_model_answers_as_the_measured_one(
    server: dict[str, str], command: Command, project: Path, tmp_path: Path
) -> None:
    done = command(
        "evaluate", "--run", "full", "--candidate", "tuned", "--endpoint", f"served={server['url']}", "--json",
        "--latency-requests", "0", "--no-general",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    folder = project / "evaluations" / "0001" / "predictions"
    local, served = (
        {row["id"]: row["output"] for row in map(json.loads, (folder / f"{name}.jsonl").read_text().splitlines())}
        for name in ("tuned", "served")
    )
    assert local == served
    assert found["candidates"]["served"]["latency_p95_ms"] > 0
    assert found["pairs"][0]["verdict"] == "no detectable change"


def test_an_endpoint_without_a_project(server: dict[str, str], command: Command, project: Path, tmp_path: Path) -> None:
    test = project / "data" / "test.jsonl"
    words = ("--test", test, "--endpoint", f"s={server['url']}", "--save", tmp_path / "kept", "--metric", "json_fields")
    done = command("evaluate", *words, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["candidates"]["s"]["n"] == 40
    assert len((tmp_path / "kept" / "s.jsonl").read_text().splitlines()) == 40
    again = command(
        "evaluate", "--test", test, "--endpoint", "s=http://127.0.0.1:9/v1", "--save", tmp_path / "kept", "--json"
    )
    assert again.returncode == 0, again.stderr  # all answers are kept: nobody is asked


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ([], 2, "name what to serve"),
        (["--run", "full", "--model", "smollm2-135m"], 2, "name what to serve"),
        (["--run", "full", "--host", "0.0.0.0"], 2, "lets others use the model"),
        (["--model", "nothing-here"], 2, "unknown model"),
        (["--run", "full", "--key-env", "NO_SUCH_KEY"], 1, "NO_SUCH_KEY is not set"),
    ],
)
def test_wrong_use(command: Command, words: list[str], code: int, says: str) -> None:
    done = command("serve", *words, "--port", "0")
    assert done.returncode == code, done.stderr
    assert says in done.stderr


def test_the_server_ends_with_whoever_started_it(trained: Path) -> None:
    """Even when that one is killed without a chance to say so."""
    line = [sys.executable, "-m", "advisor", "serve", "--run", "full", "--port", "0", "--project", str(trained)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    process.kill()
    process.wait()
    assert process.stdout.read() == ""  # the child held the other end of the pipe; it is closed when the child is gone
    process.stdout.close()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(url + "/models")
