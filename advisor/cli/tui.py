"""The full-screen interface (what `advisor` alone opens)."""

import os
import shutil
import sys
from pathlib import Path

import click

from advisor.base.errors import UsageError
from advisor.cli.common import Options, common_options, interactive

_INSTEAD = """use instead
         advisor ask --project DIR          the interview as plain numbered prompts
         advisor decide FILE --json         the decision on an answers file
         advisor report --project DIR       the report (HTML, Markdown, JSON)
         advisor runs watch --project DIR   the progress of a run
         advisor --help                     everything else"""


def _instead() -> str:
    """What to use instead, and where the program lies when the shell would not find it."""
    called = Path(sys.argv[0])
    if shutil.which("advisor") or called.name != "advisor":
        return _INSTEAD
    return f"{_INSTEAD}\n       here `advisor` is {os.path.relpath(called)}; activate its environment to call it so"


@click.command()
@common_options
def command(options: Options) -> None:
    """Open the full-screen interface on the project in --project DIR (default: the folder one is in)."""
    if options.json:
        raise UsageError("the full-screen interface has no JSON output", fix=_instead())
    if options.plain:
        raise UsageError("the full-screen interface cannot be plain text", fix=_instead())
    # The screen is drawn on stderr, so that must be the terminal too.
    if not (interactive() and sys.stderr.isatty()):
        raise UsageError("the full-screen interface needs a terminal, and there is none", fix=_instead())
    if os.environ.get("TERM", "") in ("", "dumb"):
        raise UsageError("this terminal cannot show a full screen (TERM is dumb or not set)", fix=_instead())
    _open(options)


def _open(options: Options) -> None:
    """Run the app; its errors leave as exceptions, so that the entry point reports them like those of any command."""
    from advisor.cli.main import write_bug_report
    from advisor.tui.app import AdvisorApp

    app = AdvisorApp(options.project, options.today, report_bug=write_bug_report)
    app.run()
    if app.ended_by is not None:
        raise app.ended_by
