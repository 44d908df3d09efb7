"""A project with a tiny random model, JSON answers, and a finished run that taught it some of them. Made once."""

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from serving import Stub

from trainers.methods import get_method
from trainers.methods.shared.job import Job
from trainers.models.tiny import write_tiny_causal
from trainers.runs import client
from trainers.runs.plan import data_file
from trainers.runs.spec import Measured, Result, RunSpec, Status, write_record

settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")

PROJECT_FILE = 'v = 1\nname = "test"\ncreated = "2026-11-24"\n'
SYSTEM = {"role": "system", "content": "Answer with JSON."}
LETTERS = "abcd"

Command = Callable[..., subprocess.CompletedProcess[str]]


def row(number: int, chance: random.Random) -> dict[str, Any]:
    """Which letter, and in which size: the answer is JSON with two fields. Most answers are the same one, which even a
    tiny model learns in seconds."""
    letter, loud = chance.choices(LETTERS, (9, 1, 1, 1))[0], chance.random() < 0.2
    ask = f"{letter.upper() if loud else letter} {'!' * chance.randint(1, 4)}"
    answer = json.dumps({"letter": letter, "size": "big" if loud else "small"})
    turns = [SYSTEM, {"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
    return {"id": f"r{number}", "messages": turns, "size": "big" if loud else "small"}


def write_rows(path: Path, numbers: range) -> Path:
    chance = random.Random(f"rows/{numbers.start}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row(number, chance)) + "\n" for number in numbers), encoding="utf-8")
    return path


def train(project: Path, name: str, method: str, **settings: Any) -> None:
    """A real run, without the supervisor around it."""
    spec = RunSpec(
        id=name,
        method=method,
        model=str(project / "model"),
        data=data_file(project, project / "data" / "train.jsonl"),
        settings=get_method(method).Settings(**settings).model_dump(),
        usd_per_hour=0.36,
        created="2026-11-24T00:00:00+00:00",
    )
    folder = client.create(project, spec)
    outcome = get_method(method).train(Job(spec, folder, lambda kind, **fields: None, lambda: False))
    ended = Result(
        run=name,
        status=Status.FINISHED,
        attempt=1,
        measured=Measured(),
        artefact=outcome.artefact,
        ended="2026-11-24T00:01:00+00:00",
    )
    write_record(folder / "result.json", ended)


@pytest.fixture(scope="session")
def train_in() -> Callable[..., None]:
    """`train`, for projects that a test makes itself."""
    return train


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("trained")
    (project / "advisor.toml").write_text(PROJECT_FILE)
    train_rows = write_rows(project / "data" / "train.jsonl", range(160))
    texts = [
        message["content"] for line in train_rows.read_text().splitlines() for message in json.loads(line)["messages"]
    ]
    write_tiny_causal(project / "model", texts)
    write_rows(project / "data" / "test.jsonl", range(1000, 1040))
    train(project, "full", "full", learning_rate=0.005, epochs=3.0, evaluations=0)
    train(project, "adapter", "lora", learning_rate=0.02, epochs=1.0, evaluations=0)
    return project


@pytest.fixture
def project(trained: Path, tmp_path: Path) -> Path:
    """A copy to write into. Its runs name the model of the original, which stays where it is."""
    shutil.copytree(trained, tmp_path / "p")
    return tmp_path / "p"


@pytest.fixture
def command(project: Path) -> Command:
    """`advisor` in a process of its own, in the project."""

    def call(*words: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "advisor", *map(str, words), "--project", str(project)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        return subprocess.run(
            line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
        )

    return call


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = Stub()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()
