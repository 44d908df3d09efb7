"""Write the report: HTML, Markdown, JSON and tables; --plain prints it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from advisor.base.errors import CouldNotError, UsageError
from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from advisor.reports.document import Document
    from advisor.reports.source import Source

_MAX_PRICE_AGE_DAYS = 120


def _list_formats(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from advisor.reports.render import names, renderer

    for name in names():
        module = renderer(name)
        emit(f"{name:10} {module.HELP}{'' if module.DEFAULT else '   [not by default]'}")
    ctx.exit()


def _print_schema(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from advisor.reports.schema import report_schema

    emit_json(report_schema())
    ctx.exit()


@click.command()
@click.option("--answers", type=click.Path(path_type=Path), help="Report on an answers file, without a project.")
@click.option("--decision", type=click.Path(path_type=Path), help="Print a saved decision again, as it was.")
@click.option("--compare", type=click.Path(path_type=Path), help="An older decision or report.json: what changed?")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into (default: a new one in reports/).")
@click.option("--name", help="Name of the folder in reports/ (default: the date).")
@click.option("--title", help="Title of the report (default: the project's name).")
@click.option("--format", "formats", multiple=True, help="Write this format; may be repeated. See --list-formats.")
@click.option(
    "--list-formats", is_flag=True, is_eager=True, expose_value=False, callback=_list_formats, help="List the formats."
)
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON schema of report.json.",
)
@click.option(
    "--max-price-age-days",
    type=click.IntRange(0),
    default=_MAX_PRICE_AGE_DAYS,
    show_default=True,
    help="Refuse to report on prices older than this.",
)
@click.option("--stale-prices", is_flag=True, help="Report on older prices all the same, and say so on every page.")
@click.option("--samples", type=click.IntRange(2), help="Sampled futures, a power of two (default: the engine's).")
@common_options
def command(
    options: Options,
    answers: Path | None,
    decision: Path | None,
    compare: Path | None,
    out: Path | None,
    name: str | None,
    title: str | None,
    formats: tuple[str, ...],
    max_price_age_days: int,
    stale_prices: bool,
    samples: int | None,
) -> None:
    """Write the report of a project's decision, of an answers file or of a saved decision, and say where.

    In a project a decision is made when none is saved for these answers, prices and this day.
    """
    _check(answers, decision, formats, samples)
    source = _source(options, answers, decision, samples)
    document = _document(source, options, title, compare, max_price_age_days)
    if document.context.prices_are_stale and not stale_prices:
        raise _stale(document)
    folder = out or _new_folder(source, name, options)
    _write(document, folder, formats, options)


def _check(answers: Path | None, decision: Path | None, formats: tuple[str, ...], samples: int | None) -> None:
    from difflib import get_close_matches

    from advisor.reports.render import names

    if answers and decision:
        raise UsageError("--answers and --decision exclude each other", fix="give one of them")
    if samples is not None and samples & (samples - 1):
        raise UsageError(f"--samples {samples} is not a power of two", fix="give 512, 1024, 2048 or 4096")
    for wanted in formats:
        if wanted not in names():
            close = get_close_matches(wanted, names(), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names())}"
            raise UsageError(f"no format {wanted!r}", where="--format", fix=hint)


def _source(options: Options, answers: Path | None, decision: Path | None, samples: int | None) -> "Source":
    from advisor.reports import source

    if answers:
        return source.from_answers(answers, options.today, samples)
    if decision:
        return source.from_decision(decision, options.today)
    from advisor.project import Project

    return source.from_project(Project.open(options.project), options.today, samples)


def _document(source: "Source", options: Options, title: str | None, compare: Path | None, max_age: int) -> "Document":
    from advisor.reports.build import build_report
    from advisor.reports.document import Document
    from advisor.reports.gather import context_for

    context = context_for(source, today=options.today, max_price_age_days=max_age, title=title, compare=compare)
    return Document(build_report(context), context)


def _stale(document: "Document") -> CouldNotError:
    context = document.context
    return CouldNotError(
        f"the prices are of {context.prices_date.isoformat()}, {context.price_age_days} days old; "
        f"no report is made on prices older than {context.max_price_age_days} days",
        fix="`advisor prices update`; or --stale-prices, and every page says so; or --max-price-age-days DAYS",
    )


def _new_folder(source: "Source", name: str | None, options: Options) -> Path:
    """A folder of its own for each report: reports/NAME, or the date, numbered from the second of a day on."""
    if name is not None:
        if not name.strip() or Path(name).name != name or name.startswith("."):
            raise UsageError(f"{name!r} is not a folder name", where="--name", fix="use one word, or --out DIR")
        return source.folder / name
    stem = options.today.isoformat() if source.project else f"{Path(source.name).name}-{options.today.isoformat()}"
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in stem).strip("-.")[:80]
    folder, number = source.folder / stem, 2
    while folder.exists():
        folder, number = source.folder / f"{stem}-{number}", number + 1
    return folder


def _write(document: "Document", folder: Path, formats: tuple[str, ...], options: Options) -> None:
    from advisor.reports.render import defaults, write_all

    try:
        written = write_all(document, folder, formats or defaults())
    except OSError as error:
        raise CouldNotError(f"the report could not be written: {error.strerror}", where=str(folder)) from None
    decision = document.context.decision
    if options.plain and not options.json:
        from advisor.reports.render.text import terminal_width, text

        emit(text(document.report, terminal_width()).rstrip("\n"))
        talk(f"the report is in {folder}")
        return
    if options.json:
        emit_json(
            {
                "v": 1,
                "folder": str(folder),
                "files": {name: [str(path) for path in paths] for name, paths in written.items()},
                "verdict": decision.verdict.value,
                "headline": decision.headline,
                "prices_date": document.context.prices_date.isoformat(),
                "stale_prices": document.context.prices_are_stale,
            }
        )
        return
    for name, paths in written.items():
        emit(str(paths[0]) if len(paths) == 1 else f"{folder / 'tables' if name in ('csv', 'parquet') else folder}")
    talk(f"{decision.verdict.value.replace('_', ' ')}: {decision.headline}")
    if document.report.banner:
        talk(f"warning: {document.report.banner}")
