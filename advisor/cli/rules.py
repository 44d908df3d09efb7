"""The rules behind the advice: list, check, explain, new."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.base.errors import CouldNotError, InvalidDataError, UsageError
from advisor.base.files import quoted
from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from rules.facts import Fact
    from rules.load import RuleBook
    from rules.models import Rule

KINDS = ("facts", "gates", "effects", "guidance", "readiness", "risks", "claims")
_WIDTH = 100


@click.group()
def command() -> None:
    """See what the advice rests on: each rule with its condition, evidence and examples.

    The files in PROJECT/rules/ (folders facts, gates, effects, guidance, readiness, risks, claims) are yours and
    override ours by id.
    """


def _own_rules(options: Options) -> tuple[Path, ...]:
    """The project's rules; none outside a project, where a folder `rules` may be anything."""
    from advisor.project import is_project

    return (options.project / "rules",) if is_project(options.project) else ()


def _book(options: Options) -> "RuleBook":
    from rules.load import load_rules

    return load_rules(*_own_rules(options))


@command.command("list")
@click.argument("only", metavar="[KIND]", type=click.Choice(KINDS), required=False)
@click.option("--kind", type=click.Choice(KINDS), help="Only this kind (the same as naming it).")
@click.option("--search", metavar="TEXT", help="Only entries that hold TEXT in id, title, condition or article.")
@common_options
def list_(options: Options, only: str | None, kind: str | None, search: str | None) -> None:
    """Everything that is known, or one KIND of it: what the rule says and whose it is."""
    from advisor.cli._table import table

    if only and kind and only != kind:
        raise UsageError(f"two kinds: {only} and {kind}", fix="name one")
    rows = [row for row in _rows(_book(options)) if (only or kind) in (None, row["kind"]) and _holds(row, search)]
    if options.json:
        emit_json({"v": 1, "rules": rows})
        return
    if not rows:
        talk("nothing matches; leave --search out to see everything")
        return
    lines = [(row["kind"], row["id"], row["title"], "yours" if row["yours"] else "") for row in rows]
    emit(table(("kind", "id", "what", "whose"), lines))
    talk(f"{len(rows)} entries; `advisor rules explain ID` shows one with its evidence")


def _rows(book: "RuleBook") -> list[dict[str, Any]]:
    return [
        _row(kind, entry, book.files[entry.id]) for kind, entries in book.kinds().items() for entry in entries.values()
    ]


def _row(kind: str, entry: "Fact | Rule", file: Path) -> dict[str, Any]:
    from rules.facts import Fact
    from rules.load import SHIPPED

    row = {"kind": kind, "id": entry.id, "yours": not file.is_relative_to(SHIPPED), "file": str(file)}
    if isinstance(entry, Fact):
        asked = entry.ask_when.text if entry.ask_when else None
        return row | {
            "title": entry.question,
            "type": entry.type,
            "unit": entry.unit,
            "conditions": {"ask_when": asked},
        }
    return row | {
        "title": entry.title,
        "severity": getattr(entry, "severity", None),
        "conditions": {name: condition.text for name, condition in entry.conditions()},
        "article": getattr(entry, "article", None),
        "now": getattr(entry, "now", None),
        "evidence": len(entry.evidence),
        "examples": len(entry.examples),
    }


def _holds(row: dict[str, Any], text: str | None) -> bool:
    parts = (row["id"], row["title"], row.get("article"), row.get("now"), *row["conditions"].values())
    return text is None or any(text.lower() in part.lower() for part in parts if part)


@command.command()
@click.argument("folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(path_type=Path))
@common_options
def check(options: Options, folders: tuple[Path, ...]) -> None:
    """Check schema, names and examples of our rules, of the project's and of each FOLDER; exit 3 when one is wrong."""
    from rules.check import check_rules

    for folder in folders:
        if not folder.is_dir():
            raise UsageError("no such folder", where=str(folder), fix="name a folder that holds gates/, risks/, ...")
    found = check_rules(*_own_rules(options), *folders)
    if options.json:
        problems = [{"where": p.where, "what": p.what, "fix": p.fix} for p in found.problems]
        emit_json({"v": 1, "files": found.files, "examples": found.examples, "problems": problems})
    else:
        for problem in found.problems:
            emit(str(problem))
        emit(f"{found.files} files, {found.examples} examples, {_count(len(found.problems), 'problem')}")
    if found.problems:
        raise InvalidDataError(
            f"{_count(len(found.problems), 'problem')} in the rules", fix="mend the lines named above"
        )


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


@command.command()
@click.argument("identifier", metavar="ID")
@common_options
def explain(options: Options, identifier: str) -> None:
    """Show one rule or fact: what, when, why, unless, the article against now, evidence, examples."""
    from rules.describe import describe, to_plain, used_by

    book = _book(options)
    kind, entry = book.find(identifier)
    if options.json:
        named = used_by(entry.id, book)
        emit_json({"v": 1, "kind": kind, "file": str(book.files[entry.id]), "named_by": named, "rule": to_plain(entry)})
        return
    for number, (heading, lines) in enumerate(describe(kind, entry, book)):
        emit(heading if number == 0 else f"{heading}:")
        for line in lines:
            emit(_wrapped(line))


def _wrapped(line: str) -> str:
    indent = " " * (2 + len(line) - len(line.lstrip()))
    return textwrap.fill(
        line.strip(), _WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_on_hyphens=False
    )


@command.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("identifier", metavar="ID")
@click.option("--into", type=click.Path(path_type=Path), help="Folder of rules to write to (default: PROJECT/rules).")
@common_options
def new(options: Options, kind: str, identifier: str, into: Path | None) -> None:
    """Write the frame of a new rule of KIND, or a copy of ours with that ID, to be edited and checked."""
    from advisor.project import is_project

    if into is None and not is_project(options.project):
        raise UsageError(
            "no project here to put the rule in",
            where=str(options.project),
            fix="name the project with --project DIR, or a folder with --into DIR",
        )
    path, copied = _write_frame(options, kind, identifier, into or options.project / "rules")
    if options.json:
        emit_json({"v": 1, "file": str(path), "copied": copied})
        return
    emit(str(path))
    talk("a copy of ours, which it now overrides" if copied else "write what stands as TODO; until then it is refused")
    where = quoted(into) if into is not None else f"--project {quoted(options.project)}"
    talk(f"next: edit it, then advisor rules check {where}")


def _write_frame(options: Options, kind: str, identifier: str, folder: Path) -> tuple[Path, bool]:
    """(the new file, whether it is a copy of a shipped one)."""
    from advisor.base.files import read_text, replace_file
    from rules.load import file_name, load_rules
    from rules.templates import template

    _refuse_bad_id(kind, identifier)
    path = folder / kind / file_name(identifier)
    if path.exists():
        raise UsageError("there is a file already", where=str(path), fix="edit it, or choose another id")
    book = load_rules()
    if identifier in book.files and identifier not in book.kinds()[kind]:
        raise UsageError(
            f"{identifier!r} is of another kind", where=str(book.files[identifier]), fix="choose another id"
        )
    ours = book.files.get(identifier)
    try:
        replace_file(path, read_text(ours) if ours else template(kind, identifier, options.today))
    except OSError as error:
        raise CouldNotError(
            f"cannot be written: {error.strerror}", where=str(path), fix="choose another folder"
        ) from None
    return path, ours is not None


def _refuse_bad_id(kind: str, identifier: str) -> None:
    from rules.schema import FACT_ID, RULE_ID

    if kind == "facts" and not FACT_ID.fullmatch(identifier):
        raise UsageError(f"{identifier!r} is not the id of a fact", fix="write group.name, such as task.urgency")
    if kind != "facts" and not RULE_ID.fullmatch(identifier):
        raise UsageError(
            f"{identifier!r} is not the id of a rule", fix="lower-case words joined by hyphens: data-too-old"
        )
