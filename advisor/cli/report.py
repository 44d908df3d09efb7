"""Write the report: HTML, Markdown, JSON and tables; --plain prints it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.base.errors import CouldNotError, UsageError
from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from advisor.reports.context import Context
    from advisor.reports.document import Document
    from advisor.reports.source import Source

_MAX_PRICE_AGE_DAYS = 120


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    cases: tuple[Path, ...]
    answers: Path | None
    decision: Path | None
    compare: Path | None
    joint: Path | None
    out: Path | None
    name: str | None
    title: str | None
    formats: tuple[str, ...]
    max_price_age_days: int
    stale_prices: bool
    samples: int | None


def _at_once(option: str, text: str, action: Callable[[], None]) -> Callable[[Any], Any]:
    """A flag that prints something and ends."""

    def callback(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted:
            action()
            ctx.exit()

    return click.option(option, is_flag=True, is_eager=True, expose_value=False, callback=callback, help=text)


def _list_formats() -> None:
    from advisor.reports.render import names, renderer

    for name in names():
        module = renderer(name)
        emit(f"{name:10} {module.HELP}{'' if module.DEFAULT else '   [not by default]'}")


def _print_schema() -> None:
    from advisor.reports.schema import report_schema

    emit_json(report_schema())


@click.command()
@click.argument("cases", nargs=-1, type=click.Path(path_type=Path), metavar="[CASE]...")
@click.option("--answers", type=click.Path(path_type=Path), help="Report on an answers file, without a project.")
@click.option("--decision", type=click.Path(path_type=Path), help="Print a saved decision again, as it was.")
@click.option("--compare", type=click.Path(path_type=Path), help="An older decision or report.json: what changed?")
@click.option(
    "--joint",
    type=click.Path(path_type=Path),
    help="Of several cases: what `advisor portfolio --json` printed, to show the plans chosen together.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into (default: a new one in reports/).")
@click.option("--name", help="Name of the folder in reports/ (default: the date).")
@click.option("--title", help="Title of the report (default: the project's name).")
@click.option("--format", "formats", multiple=True, help="Write this format; may be repeated. See --list-formats.")
@_at_once("--list-formats", "List the formats.", _list_formats)
@_at_once("--schema", "Print the JSON schema of report.json.", _print_schema)
@click.option(
    "--max-price-age-days",
    type=click.IntRange(0),
    default=_MAX_PRICE_AGE_DAYS,
    show_default=True,
    help="Refuse to report on prices older than this.",
)
@click.option("--stale-prices", is_flag=True, help="Report on older prices all the same, and say so on every page.")
@click.option("--samples", type=click.IntRange(64, 65536), help="Samples, a power of two (default 1024).")
@common_options
def command(options: Options, **chosen: Any) -> None:
    """Write the report of a project's decision, of an answers file or of a saved decision, and say where.

    In a project a decision is made when none is saved for these answers, prices and this day. Each CASE is a project
    folder or an answers file; several make a report on the whole portfolio.
    """
    wanted = Wanted(**chosen)
    _check(wanted)
    document, place = _portfolio(wanted, options) if len(wanted.cases) > 1 else _single(wanted, options)
    if document.prices_are_stale and not wanted.stale_prices:
        raise _stale(document)
    _write(document, wanted.out or _new_folder(place, wanted.name, options), wanted.formats, options)


def _check(wanted: Wanted) -> None:
    from difflib import get_close_matches

    from advisor.reports.render import names

    sources = [bool(wanted.cases), wanted.answers is not None, wanted.decision is not None]
    if sum(sources) > 1:
        raise UsageError("CASE, --answers and --decision exclude each other", fix="give one of them")
    if len(wanted.cases) > 1 and wanted.compare:
        raise UsageError("--compare is for one use case", fix="compare each project on its own")
    if len(wanted.cases) < 2 and wanted.joint:
        raise UsageError("--joint is for several use cases", fix="name them all: advisor report CASE CASE ...")
    if wanted.samples is not None and wanted.samples & (wanted.samples - 1):
        raise UsageError(f"--samples {wanted.samples} is not a power of two", fix="give 512, 1024, 2048 or 4096")
    for name in wanted.formats:
        if name not in names():
            close = get_close_matches(name, names(), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names())}"
            raise UsageError(f"no format {name!r}", where="--format", fix=hint)


@dataclass(frozen=True, slots=True)
class Place:
    """Where new report folders go, and what the folder is called without --name."""

    folder: Path
    stem: str


def _single(wanted: Wanted, options: Options) -> "tuple[Document, Place]":
    from advisor.reports.build import build_report
    from advisor.reports.document import Document

    source = _source(wanted, options)
    context = _context(source, wanted, options)
    stem = options.today.isoformat() if source.project else f"{source.name}-{options.today.isoformat()}"
    return Document(build_report(context), (context,), context.command), Place(source.folder, stem)


def _source(wanted: Wanted, options: Options) -> "Source":
    from advisor.reports import source

    if wanted.answers:
        return source.from_answers(wanted.answers, options.today, wanted.samples)
    if wanted.decision:
        return source.from_decision(wanted.decision, options.today)
    return source.from_case(wanted.cases[0] if wanted.cases else options.project, options.today, wanted.samples)


def _portfolio(wanted: Wanted, options: Options) -> "tuple[Document, Place]":
    from advisor.reports import source
    from advisor.reports.document import Document
    from advisor.reports.joint import read_joint
    from advisor.reports.portfolio import build_portfolio

    found = [source.from_case(case, options.today, wanted.samples) for case in wanted.cases]
    contexts = tuple(_context(each, wanted, options) for each in found)
    words = ["advisor", "report", *map(str, wanted.cases), "--today", options.today.isoformat()]
    command_line = shlex.join([*words, *(["--joint", str(wanted.joint)] if wanted.joint else [])])
    joint = read_joint(wanted.joint) if wanted.joint else None
    report = build_portfolio(contexts, wanted.title or "Portfolio", command_line, joint)
    place = Place(Path("reports"), f"portfolio-{options.today.isoformat()}")
    return Document(report, contexts, command_line), place


def _context(source: "Source", wanted: Wanted, options: Options) -> "Context":
    from advisor.reports.gather import context_for

    return context_for(
        source,
        today=options.today,
        max_price_age_days=wanted.max_price_age_days,
        title=wanted.title if len(wanted.cases) < 2 else None,
        compare=wanted.compare,
    )


def _stale(document: "Document") -> CouldNotError:
    context = document.oldest
    return CouldNotError(
        f"the prices are of {context.prices_date.isoformat()}, {context.price_age_days} days old; "
        f"no report is made on prices older than {context.max_price_age_days} days",
        fix="`advisor prices update`; or --stale-prices, and every page says so; or --max-price-age-days DAYS",
    )


def _new_folder(place: Place, name: str | None, options: Options) -> Path:
    """A folder of its own for each report: reports/NAME, or the date, numbered from the second of a day on."""
    if name is not None:
        if not name.strip() or Path(name).name != name or name.startswith("."):
            raise UsageError(f"{name!r} is not a folder name", where="--name", fix="use one word, or --out DIR")
        return place.folder / name
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in place.stem).strip("-.")[:80]
    folder, number = place.folder / stem, 2
    while folder.exists():
        folder, number = place.folder / f"{stem}-{number}", number + 1
    return folder


def _write(document: "Document", folder: Path, formats: tuple[str, ...], options: Options) -> None:
    from advisor.reports.render import defaults, write_all

    try:
        written = write_all(document, folder, formats or defaults())
    except OSError as error:
        raise CouldNotError(f"the report could not be written: {error.strerror}", where=str(folder)) from None
    if options.json:
        emit_json(_told(document, folder, written))
    elif options.plain:
        from advisor.reports.render.text import terminal_width, text

        emit(text(document.report, terminal_width()).rstrip("\n"))
        talk(f"the report is in {folder}")
    else:
        for paths in written.values():
            emit(str(paths[0] if len(paths) == 1 else paths[0].parent if paths else folder))
        talk(document.headline)
        if document.report.banner:
            talk(f"warning: {document.report.banner}")


def _told(document: "Document", folder: Path, written: dict[str, list[Path]]) -> dict[str, Any]:
    """What --json prints."""
    decision = document.decision
    return {
        "v": 1,
        "folder": str(folder),
        "files": {name: [str(path) for path in paths] for name, paths in written.items()},
        "verdict": None if decision is None else decision.verdict.value,
        "headline": document.headline if decision is None else decision.headline,
        "prices_date": document.prices_date.isoformat(),
        "stale_prices": document.prices_are_stale,
    }
