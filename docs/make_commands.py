"""Writes docs/commands.md from the `--help` of every command; --check only says whether it is up to date (exit 1)."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from advisor.cli.main import program

PAGE = Path(__file__).with_name("commands.md")
WIDTH = 100
HEAD = """# Commands

Made by `make docs` from the program itself; a test compares it. stdout is data, stderr is talk; `--json` works
everywhere.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | could not: infeasible, a failed run, a regression, errors found |
| 2 | wrong use, or answers missing |
| 3 | an invalid data, answers, rule or price file |
| 4 | a package or a piece of hardware is missing |
| 70 | our bug; a report file is named |
"""


def sections(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[str]:
    """The help of the command and of every command below it."""
    ctx = click.Context(
        command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH, **command.context_settings
    )
    level = "##" if parent is None or parent.parent is None else "###"
    yield f"{level} `{ctx.command_path}`\n\n```text\n{command.get_help(ctx)}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(ctx):
            found = command.get_command(ctx, below)
            if found is not None and not found.hidden:
                yield from sections(found, below, ctx)


def page() -> str:
    """The whole text of docs/commands.md."""
    return "\n".join([HEAD, *sections(program, "advisor")])


def main(arguments: list[str]) -> int:
    text = page()
    if arguments == ["--check"]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write("docs/commands.md is not what the commands say; run: make docs\n")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
