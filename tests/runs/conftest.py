"""A project with a tiny random model and two hundred easy rows, made once and copied for each test."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

from trainers.methods import get_method
from trainers.models.tiny import write_tiny_causal
from trainers.runs import client
from trainers.runs.events import utc_now
from trainers.runs.plan import data_file
from trainers.runs.spec import RunSpec

PROJECT_FILE = 'v = 1\nname = "test"\ncreated = "2026-11-24"\n'


def write_rows(path: Path, count: int, seed: int = 0) -> Path:
    """Rows whose answer is the asked letter three times."""
    chance = random.Random(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as stream:
        for number in range(count):
            letter = chance.choice("abcdef")
            ask = {"role": "user", "content": f"say {letter}" + " please" * chance.randint(0, 9)}
            answer = {"role": "assistant", "content": letter * 3}
            stream.write(json.dumps({"id": f"r{number}", "messages": [ask, answer]}) + "\n")
    return path


def plan_in(
    project: Path,
    *,
    method: str = "full",
    name: str = "run",
    processes: int = 1,
    launcher: Literal["torchrun", "ray"] = "torchrun",
    trackers: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = (),
    memory_limit_gib: float | None = None,
    **settings: Any,
) -> Path:
    """Make a run's folder below a project."""
    spec = RunSpec(
        id=name,
        method=method,
        model=str(project / "model"),
        data=data_file(project, project / "data" / "train.jsonl"),
        settings=get_method(method).Settings(**{"learning_rate": 0.01, "epochs": 2.0, **settings}).model_dump(),
        processes=processes,
        launcher=launcher,
        trackers=trackers,
        usd_per_hour=0.36,
        memory_limit_gib=memory_limit_gib,
        created=utc_now(),
    )
    return client.create(project, spec)


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_causal(folder / "model")
    write_rows(folder / "data" / "train.jsonl", 200)
    (folder / "advisor.toml").write_text(PROJECT_FILE)
    return folder


@pytest.fixture
def project(tiny_project: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_project, tmp_path / "p")
    return tmp_path / "p"


@pytest.fixture
def planned(project: Path) -> Callable[..., Path]:
    """Make a run's folder: `planned(method=, name=, processes=, memory_limit_gib=, **settings)`."""

    def make(**given: Any) -> Path:
        return plan_in(project, **given)

    return make


@pytest.fixture(scope="session")
def plan_below() -> Callable[..., Path]:
    """`plan_in`, for projects that a test makes itself."""
    return plan_in
