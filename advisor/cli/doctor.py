"""What this machine has and lacks: packages, processor, memory, GPU, disk, browser, terminal."""

from dataclasses import asdict

import click

from advisor.cli.common import Options, common_options, emit, emit_json

_GLYPHS = {"ok": "+", "missing": "x", "note": "-"}


@click.command()
@common_options
def command(options: Options) -> None:
    """Show what works here, what does not, and how to mend it. Exit 0 when the adviser itself can run, else 4."""
    from advisor.base.errors import MissingPartError
    from advisor.doctor import State, examine

    checks = examine()
    if options.json:
        emit_json({"v": 1, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            emit(f"{_GLYPHS[check.state]} {check.state:8} {check.name:20} {check.found}")
            if check.state is not State.OK and check.needed_for:
                emit(f"{'':32}needed for: {check.needed_for}")
                if check.fix:
                    emit(f"{'':32}fix: {check.fix}")
    base = next(check for check in checks if check.name == "packages: base")
    if base.state is State.MISSING:
        raise MissingPartError(base.found, fix=base.fix)
