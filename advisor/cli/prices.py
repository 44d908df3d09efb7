"""Prices with source and date: list, at, check, stale, update, diff."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli.common import IsoDate, Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from pricing.catalogue import Catalogue
    from pricing.changes import Change, Proposal
    from pricing.listing import PriceRow
    from pricing.upstream import Upstream
    from pricing.values import Entry, Value

KINDS = ("models", "gpus", "tuning", "retrieval", "people", "latency")


@click.group()
def command() -> None:
    """See and check what everything costs: each figure with its range, source and date.

    The files in PROJECT/prices/ (folders models, gpus, tuning, retrieval, people) are yours and override ours.
    """


def _catalogue(options: Options) -> "Catalogue":
    from pricing.catalogue import load_catalogue

    return load_catalogue(*(folder for folder in (options.project / "prices",) if folder.is_dir()))


@command.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--search", metavar="TEXT", help="Only entries whose id, name or vendor holds TEXT.")
@common_options
def list_(options: Options, kind: str | None, search: str | None) -> None:
    """Everything that has a price, or one KIND of it. With --json every figure with its source."""
    from advisor.cli._table import table
    from pricing.listing import figures_on, headline, status_of

    entries = [(k, e) for k, e in _catalogue(options).entries() if kind in (None, k) and _holds(e, search)]
    if options.json:
        rows = [row.to_json() for k, e in entries for row in figures_on(k, e, None)]
        emit_json({"v": 1, "today": options.today.isoformat(), "figures": rows})
        return
    if not entries:
        talk("nothing matches; leave --search out to see everything")
        return
    lines = [
        (k, e.id, headline(e, options.today), status_of(e, options.today), _checked(k, e), _whose(e))
        for k, e in entries
    ]
    emit(table(("kind", "id", "price", "status", "checked", "whose"), lines))
    talk(f"{len(entries)} entries; `advisor prices at ID` shows every figure with its source")


def _holds(entry: "Entry", text: str | None) -> bool:
    names = (entry.id, entry.name, getattr(entry, "vendor", ""), *getattr(entry, "aliases", ()))
    return text is None or any(text.lower() in name.lower() for name in names)


def _checked(kind: str, entry: "Entry") -> str:
    from pricing.listing import figures_on

    return min((row.value.checked.isoformat() for row in figures_on(kind, entry, None)), default="")


def _whose(entry: "Entry") -> str:
    return f"yours ({', '.join(entry.overridden)})" if entry.overridden else _mark(entry.origin)


def _mark(origin: str) -> str:
    return "yours" if origin == "customer" else ""


@command.command("at")
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@click.option("--on", type=IsoDate(), help="The day (default: today, or --today).")
@common_options
def at(options: Options, names: tuple[str, ...], on: date | None) -> None:
    """Every figure of ID in force on a day: value, range, unit, source, date checked."""
    from pricing.listing import find_entries

    day = on or options.today
    catalogue = _catalogue(options)
    found = [pair for name in names for pair in find_entries(catalogue, name)]
    if options.json:
        emit_json({"v": 1, "on": day.isoformat(), "entries": [_entry_json(k, e, day) for k, e in found]})
        return
    for kind, entry in found:
        _show_entry(kind, entry, day)


def _entry_json(kind: str, entry: "Entry", day: date) -> dict[str, Any]:
    from pricing.listing import figures_on, key_dates, status_of

    return {
        "kind": kind,
        "id": entry.id,
        "name": entry.name,
        "status": status_of(entry, day) or None,
        "dates": key_dates(entry),
        "figures": [row.to_json() for row in figures_on(kind, entry, day)],
    }


def _show_entry(kind: str, entry: "Entry", day: date) -> None:
    from advisor.cli._table import table
    from pricing.listing import figures_on, headline, key_dates, status_of

    status = status_of(entry, day)
    emit(f"{entry.id}  {entry.name}  ({kind}{', ' + status if status else ''}) on {day}")
    for name, when in key_dates(entry).items():
        emit(f"  {name.replace('_', ' ')}: {when}")
    if line := headline(entry, day):
        emit(f"  usual price: {line}")
    rows = list(figures_on(kind, entry, day))
    if not rows:
        emit("  no figure is known for that day: unknown, not free\n")
        return
    sources = list(dict.fromkeys(_source(row.value) for row in rows))
    emit(table(("figure", "value (range)", "unit", "checked", "whose", "source"), [_cells(r, sources) for r in rows]))
    for number, source in enumerate(sources, 1):
        emit(f"[{number}] {source}")
    emit()


def _cells(row: "PriceRow", sources: list[str]) -> tuple[str, ...]:
    from pricing.listing import money, unit_of

    value = row.value
    note = f" {value.note}" if value.note else ""
    source = f"[{sources.index(_source(value)) + 1}]{note}"
    return (row.figure, money(value)[1:], unit_of(row.figure), str(value.checked), _mark(value.origin), source)


def _source(value: "Value") -> str:
    return f"{value.source.title}; {value.source.where}; {value.source.date}"


@command.command()
@click.option("--quiet", is_flag=True, help="Only errors and warnings.")
@common_options
def check(options: Options, quiet: bool) -> int:
    """Read every price file (ours and yours) and look for slips; exit 1 when something is wrong."""
    from dataclasses import asdict

    from pricing.checks import Severity, check_catalogue

    catalogue = _catalogue(options)
    findings = check_catalogue(catalogue, options.today)
    shown = [f for f in findings if not quiet or f.severity is not Severity.INFO]
    counts = Counter(kind for kind, _ in catalogue.entries())
    figures = sum(1 for _ in catalogue.values())
    if options.json:
        emit_json({"v": 1, "entries": dict(counts), "figures": figures, "findings": [asdict(f) for f in shown]})
    else:
        for f in shown:
            emit(f"{f.severity}: {f.entry} {f.figure}: {f.message}\n  fix: {f.fix}")
        emit(", ".join(f"{n} {kind}" for kind, n in counts.items()))
        emit(f"{figures} figures, each with source and date; checked {catalogue.oldest} to {catalogue.prices_date}")
    return int(any(f.severity is Severity.ERROR for f in findings))


@command.command()
@click.option("--days", type=click.IntRange(min=1), default=90, show_default=True, help="How old is stale.")
@common_options
def stale(options: Options, days: int) -> None:
    """Figures that nobody has checked for a while, oldest first."""
    from advisor.cli._table import table
    from pricing.checks import stale_figures
    from pricing.listing import PriceRow

    rows = [PriceRow(k, e.id, path, v) for k, e, path, v in stale_figures(_catalogue(options), options.today, days)]
    rows.sort(key=lambda row: row.value.checked)
    if options.json:
        emit_json({"v": 1, "days": days, "figures": [row.to_json() for row in rows]})
        return
    lines = [(str(r.value.checked), r.id, r.figure, r.value.source.where) for r in rows]
    if lines:
        emit(table(("checked", "id", "figure", "where to look"), lines))
    talk(f"{len(rows)} figures were checked more than {days} days before {options.today}")


@command.command()
@click.option("--into", type=click.Path(path_type=Path), help="Folder of prices to write to (default: PROJECT/prices).")
@click.option("--accept-jumps", is_flag=True, help="Take changes of more than five times too.")
@common_options
def update(options: Options, into: Path | None, accept_jumps: bool) -> None:
    """Show what the installed genai-prices would change; with --yes write it as your own price files."""
    from pricing.changes import proposals
    from pricing.upstream import read_upstream

    upstream = read_upstream(options.today)
    found, missing = proposals(_catalogue(options), upstream, options.today)
    taken = [p for p in found if accept_jumps or not p.doubtful]
    folder = into or options.project / "prices"
    written = _write(taken, upstream, folder) if options.yes else []
    if options.json:
        changes = [c.to_json() for p in found for c in p.changes]
        emit_json({"v": 1, "version": upstream.version, "changes": changes, "missing": missing, "written": written})
        return
    _show_changes([c for p in found for c in p.changes])
    for reference in missing:
        talk(f"genai-prices {upstream.version} has no {reference}; its price stays as it is")
    if taken and not options.yes:
        talk(f"nothing written; --yes writes {len({p.model.id for p in taken})} files below {folder}/models")
    for path in written:
        talk(f"wrote {path}")


def _write(taken: "list[Proposal]", upstream: "Upstream", folder: Path) -> list[str]:
    """One file a model; a file that is there already is the customer's own and stays."""
    from advisor.base.files import replace_file
    from pricing.changes import overlay

    written = []
    for model_id in dict.fromkeys(p.model.id for p in taken):
        path = folder / "models" / f"{model_id}.yaml"
        if path.exists():
            talk(f"{path} is yours and stays as it is; move it away to take the new prices")
            continue
        replace_file(path, overlay(model_id, [p for p in taken if p.model.id == model_id], upstream))
        written.append(str(path))
    return written


@command.command()
@click.option("--from", "start", type=IsoDate(), help="What is announced to change from this day (default: today) ...")
@click.option("--to", "end", type=IsoDate(), help="... to this one.")
@click.option("--against", type=click.Path(path_type=Path), help="A saved `advisor prices list --json`.")
@common_options
def diff(options: Options, start: date | None, end: date | None, against: Path | None) -> None:
    """What differs: between two days, from a saved list, or (with neither) your prices from ours."""
    from pricing.catalogue import load_catalogue
    from pricing.changes import between, compare, today_snapshot

    catalogue = _catalogue(options)
    if start or end:
        changes = between(catalogue, start or options.today, end or options.today)
    elif against:
        changes = compare(_saved(against), today_snapshot(catalogue))
    else:
        changes = compare(today_snapshot(load_catalogue()), today_snapshot(catalogue))
    if options.json:
        emit_json({"v": 1, "changes": [c.to_json() for c in changes]})
        return
    _show_changes(changes)


def _saved(path: Path) -> dict[tuple[str, str], float]:
    from advisor.base.errors import InvalidDataError
    from advisor.base.files import parse_json, read_text
    from pricing.changes import saved_snapshot

    try:
        return saved_snapshot(parse_json(read_text(path), where=str(path))["figures"])
    except (KeyError, TypeError, ValueError):
        raise InvalidDataError(
            "this is not a saved price list", where=str(path), fix="make one with: advisor prices list --json > FILE"
        ) from None


def _show_changes(changes: "list[Change]") -> None:
    from advisor.cli._table import table

    def number(value: float | None) -> str:
        return "" if value is None else f"{value:g}"

    rows = [(c.id, c.figure, number(c.before), number(c.after), c.note) for c in changes]
    if rows:
        emit(table(("id", "figure", "before", "after", "note"), rows, frozenset({2, 3})))
    talk(f"{len(rows)} changes")
