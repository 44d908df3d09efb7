"""The program as a user calls it. This folder is on sys.path: a folder in it that is named like one of our packages
(`rules`) must not get an `__init__.py`."""

from pathlib import Path

import pytest
from calling import Advisor, Ended

from advisor.cli.main import run


@pytest.fixture
def advisor(capfd: pytest.CaptureFixture[str]) -> Advisor:
    """Runs one command in this process; whatever the input, it shows no traceback and does not end with our own bug."""

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
    assert advisor("init", tmp_path / "project").code == 0
    return tmp_path / "project"
