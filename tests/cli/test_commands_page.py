"""docs/commands.md says what the commands say, all of them."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from advisor.cli.main import program

ROOT = Path(__file__).parents[2]


def paths(command: click.Command, path: str) -> list[str]:
    """The command's path and that of every command below it."""
    found = [path]
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            found += [] if below.hidden else paths(below, f"{path} {name}")
    return found


ALL = paths(program, "advisor")


@pytest.mark.parametrize("path", ALL)
def test_every_command_is_documented(path: str) -> None:
    assert f"# `{path}`\n" in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_commands_say() -> None:
    command = [sys.executable, str(ROOT / "docs" / "make_commands.py"), "--check"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("path", ALL[1:])
def test_every_command_has_a_help_sentence(path: str) -> None:
    command: click.Command = program
    for name in path.split()[1:]:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    assert command.help
    assert len(command.get_short_help_str(200)) > 15
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts[0]} has no help"


def test_contract_commands_are_there() -> None:
    wanted = {
        "tui", "ask", "decide", "init", "report", "evaluate", "train", "doctor", "prices list", "prices at",
        "prices check", "prices stale", "prices update", "rules list", "rules check", "rules new", "rules explain",
        "data check", "data prepare", "data review", "data split", "runs list", "runs watch", "runs stop",
        "runs resume",
        "estimate training", "estimate serving", "answers list",
    }  # fmt: skip
    assert {f"advisor {path}" for path in wanted} <= set(ALL)


@pytest.mark.parametrize("path", [path for path in ALL[1:] if "--json" not in path])
def test_every_command_takes_the_common_options(path: str) -> None:
    command: click.Command = program
    for name in path.split()[1:]:
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), name)  # type: ignore[assignment]
    if isinstance(command, click.Group):
        return
    options = {name for parameter in command.params for name in parameter.opts}
    assert {"--json", "--plain", "--yes", "--project", "--today"} <= options
