"""The entry point: finds commands lazily, turns errors into messages and exit codes."""

import errno
import importlib
import os
import pkgutil
import sys
import tempfile
import traceback
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import click

import advisor
import advisor.cli
from advisor.base.errors import AdvisorError

_NOT_COMMANDS = {"main", "common"}
EXIT_BUG = 70
_REFUSALS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
    errno.EIO,
    errno.EMFILE,
}
"""What a disk or the system says when it will not: the user's to mend, not our bug."""


class Commands(click.Group):
    """A group whose commands are the modules of `advisor.cli`; a module is imported when its command is used.

    A module's first docstring line is the help shown in the list, so `--help` imports none of them.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        found = (m.name for m in pkgutil.iter_modules(advisor.cli.__path__) if not m.name.startswith("_"))
        return sorted(name for name in found if name not in _NOT_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"advisor.cli.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            close = get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"no such command {args[0]!r}.{hint}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, _first_docstring_line(name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _first_docstring_line(name: str) -> str:
    """The first line of the module's docstring, read from its source without importing it."""
    source = Path(advisor.cli.__path__[0], f"{name}.py")
    first = source.read_text(encoding="utf-8").split("\n", 1)[0]
    return first.strip().strip('"').strip()


@click.command(cls=Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(advisor.__version__, prog_name="advisor")
@click.pass_context
def program(ctx: click.Context) -> None:
    """Prompt, RAG or fine-tune, and what will it cost? Interview, decision, report, training, evaluation."""
    if ctx.invoked_subcommand is None:
        import advisor.cli.tui

        ctx.invoke(advisor.cli.tui.command)


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the program and leave with the exit code that the contract names."""
    sys.exit(run(argv))


def run(argv: list[str] | None = None) -> int:
    """Run the program; returns its exit code. Messages go to stderr."""
    try:
        result = program.main(args=argv, prog_name="advisor", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except AdvisorError as error:
        click.echo(f"advisor: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("advisor: stopped; what was saved stays saved", err=True)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            place = f"{error.filename}: " if error.filename else ""
            click.echo(f"advisor: {place}{error.strerror}\n  fix: make room, or mend the permissions", err=True)
            return 1
        click.echo(f"advisor: this is our bug ({type(error).__name__}). {_reported(error)}", err=True)
        return EXIT_BUG


def _reported(error: BaseException) -> str:
    try:
        return f"The report is in {write_bug_report(error)}"
    except OSError:
        return "No report could be written"


def write_bug_report(error: BaseException) -> Path:
    """Leave the traceback, without keys and the home folder's name, in the user's state folder; returns its path.

    Where that cannot be written, it goes among the temporary files.
    """
    from platformdirs import user_state_path

    from advisor.secrets import mask

    text = f"advisor {advisor.__version__}, Python {sys.version}\n{mask(''.join(traceback.format_exception(error)))}"
    name = f"bug-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.txt"
    try:
        return _write(user_state_path("advisor") / name, text)
    except OSError:
        return _write(Path(tempfile.gettempdir(), name), text)


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    return path
