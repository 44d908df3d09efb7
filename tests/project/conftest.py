"""The program as a user calls it, and a project to call it in."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from advisor.cli.main import run


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Advisor = Callable[..., Ended]


@pytest.fixture
def advisor(capfd: pytest.CaptureFixture[str]) -> Advisor:
    """Runs one command in this process; whatever the input, it never shows a traceback."""

    def call(*arguments: object) -> Ended:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        assert code != 70, err
        return Ended(code, out, err)

    return call


@pytest.fixture
def project(tmp_path: Path, advisor: Advisor) -> Path:
    """An empty project."""
    folder = tmp_path / "project"
    assert advisor("init", folder).code == 0
    return folder
