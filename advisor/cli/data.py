"""Check, clean, split, review and collect examples."""

import importlib

import click

_COMMANDS = {
    "check": "Look for what would spoil training or its test.",
    "prepare": "Clean the rows and write them as messages, with a list of every change.",
    "review": "Have an expert look at a random sample, and see what it proves.",
    "split": "Hold out a test set that nothing is trained on.",
    "collect": "Make examples from API logs, or have a teacher model write them under a budget.",
}


class _Lazy(click.Group):
    """A group whose commands are the modules of `advisor.cli._data`, imported when used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"advisor.cli._data.{name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy)
def command() -> None:
    """Examples: what is in them, whether they can be trusted, and how to make them better."""
