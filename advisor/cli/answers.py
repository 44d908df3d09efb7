"""Answers of a project: list, set, unset, import, export, undo, redo, history."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.base.errors import UsageError
from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from advisor.journal import Line
    from advisor.project import Project


@click.group()
def command() -> None:
    """See and change the answers of a project. Nothing is lost: every change can be undone."""


def _open(options: Options) -> "Project":
    from advisor.project import Project

    return Project.open(options.project)


@command.command("list")
@common_options
def list_(options: Options) -> None:
    """The answers that stand, with where each comes from."""
    from advisor.answers import plain_value
    from advisor.values import show_value

    project = _open(options)
    answers = project.answers()
    if options.json:
        rows = [
            {"fact": fact, "value": plain_value(a.value), "origin": a.origin, "source": a.source, "at": a.at}
            | ({"evidence_n": a.evidence_n} if a.evidence_n is not None else {})
            for fact, a in answers.items()
        ]
        emit_json({"v": 1, "answers": rows, "declined": sorted(answers.declined)})
        return
    for fact, answer in answers.items():
        emit(f"{fact:36} {show_value(answer.value, project.facts[fact]):32} {answer.origin}{_origin_note(answer)}")
    for fact in sorted(answers.declined):
        emit(f"{fact:36} {'unknown':32} answered")
    if not len(answers) and not answers.declined:
        talk("no answers yet; next: advisor ask, or advisor answers set FACT VALUE")


def _origin_note(answer: Any) -> str:
    items = f", {answer.evidence_n} items" if answer.evidence_n is not None else ""
    return f" ({answer.source}{items})" if answer.source else ""


# An unknown option may be a negative number.
@command.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("fact")
@click.argument("value")
@common_options
def set_(options: Options, fact: str, value: str) -> None:
    """Set FACT to VALUE: a number (2.5k, 85%), a range (100-200), yes, a choice, or `unknown`."""
    from advisor.answers import unknown_fact
    from advisor.interview import Interview

    project = _open(options)
    if fact not in project.facts:
        error = unknown_fact(fact, project.facts, where="answers set")
        raise UsageError(error.what, fix=error.fix)
    interview = Interview(project, project.facts)
    unknown = value.strip().lower() in ("unknown", "null", "none") and value not in project.facts[fact].values()
    reply = interview.skip(fact) if unknown else interview.answer(fact, value)
    for clash in reply.contradictions:
        talk(f"warning: {clash.text}\n  fix: {clash.fix}")
    if reply.note:
        talk(reply.note)
    _show(options, project, fact)


@command.command()
@click.argument("fact")
@common_options
def unset(options: Options, fact: str) -> None:
    """Forget FACT, whatever its origin, as if it had never been asked (undo takes it back)."""
    project = _open(options)
    if project.forget(fact) is None:
        raise UsageError(f"{fact} has no answer to forget", fix="advisor answers list shows what is known")
    if options.json:
        emit_json({"v": 1, "fact": fact})
    else:
        emit(f"{fact} forgotten")


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@common_options
def import_(options: Options, file: Path) -> None:
    """Take the answers of FILE; what you answered or measured yourself stays above them."""
    from advisor.answers import load_answers_file, plain_value
    from advisor.contradictions import contradictions

    project = _open(options)
    taken = load_answers_file(file, project.facts)
    project.import_answers(taken, source=str(file))
    now = project.answers()
    kept = [fact for fact in taken if plain_value(now.value(fact)) != plain_value(taken.value(fact))]
    for fact in kept:
        talk(f"{fact}: your {now[fact].origin} value stays above the imported one")
    for clash in contradictions(now, project.facts):
        talk(f"warning: {clash.text}\n  fix: {clash.fix}")
    if options.json:
        emit_json({"v": 1, "imported": len(taken), "kept": kept})
    else:
        emit(f"{len(taken)} answers imported from {file}")


@command.command()
@common_options
def export(options: Options) -> None:
    """Write the answers as an answers file to stdout (YAML, or JSON with --json)."""
    plain = _open(options).answers().to_plain()
    if options.json:
        emit_json(plain)
        return
    import yaml

    emit(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip())


@command.command()
@common_options
def undo(options: Options) -> None:
    """Take back the latest change; repeat for the one before it."""
    project = _open(options)
    _report(options, project, project.undo(), "nothing left to undo", "undone")


@command.command()
@common_options
def redo(options: Options) -> None:
    """Take back the latest undo."""
    project = _open(options)
    _report(options, project, project.redo(), "nothing to redo", "done again")


def _report(options: Options, project: "Project", line: "Line | None", nothing: str, done: str) -> None:
    if line is None:
        raise UsageError(nothing, fix="advisor answers history shows what was done")
    if options.json:
        emit_json({"v": 1, "id": line.id, "facts": sorted(line.facts)})
        return
    emit(f"{done}: {_deed(line)}")


def _show(options: Options, project: "Project", fact: str) -> None:
    from advisor.answers import plain_value
    from advisor.values import show_value

    answer = project.answers().get(fact)
    if options.json:
        value = None if answer is None else plain_value(answer.value)
        emit_json({"v": 1, "fact": fact, "value": value, "origin": None if answer is None else answer.origin})
    else:
        emit(f"{fact} = {show_value(None if answer is None else answer.value, project.facts[fact])}")


def _deed(line: "Line") -> str:
    if line.do == "import":
        return f"import of {len(line.facts)} answers from {line.source}"
    told = ", ".join(f"{fact} = {'unknown' if value is None else value}" for fact, value in line.facts.items())
    return f"{told} ({line.source})" if line.source else told


@command.command()
@common_options
def history(options: Options) -> None:
    """Every change, oldest first, with those that were undone."""
    entries = _open(options).journal.entries()
    if options.json:
        emit_json(
            {"v": 1, "history": [e.line.model_dump(exclude_defaults=True) | {"active": e.active} for e in entries]}
        )
        return
    for entry in entries:
        state = "      " if entry.active else "undone"
        emit(f"{entry.line.id:4}  {entry.line.at}  {entry.line.do:8} {state}  {_deed(entry.line)}")
    if not entries:
        talk("nothing was answered yet; next: advisor ask")
