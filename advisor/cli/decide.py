"""Decide: what to do, what it costs, why, and what would change it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from advisor.answers import Answers
    from advisor.decision.result import Decision


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--samples", type=click.IntRange(64, 65536), default=1024, help="Samples, a power of two (default 1024).")
@click.option("--rows", type=click.IntRange(1), default=12, help="Rows of the table of options (default 12).")
@common_options
def command(options: Options, file: Path | None, samples: int, rows: int) -> int:
    """Decide on the answers in FILE (YAML or JSON), or without FILE on those of the project.

    In a project the decision is saved in decisions/ and compared with the one before. Exit code 1 when no option
    meets every limit, 2 when too little is known to recommend anything.
    """
    from advisor.decision.result import Verdict

    _refuse_odd(samples)
    if file is not None:
        decision, saved = _decide_file(options, file, samples), None
    else:
        decision, saved = _decide_project(options, samples)
    if options.json:
        emit_json(decision.model_dump(mode="json"))
    else:
        from advisor.cli._decision_text import show

        for line in show(decision, rows):
            emit(line)
    if saved is not None:
        talk(f"saved: {saved}")
    codes = {Verdict.RECOMMEND: 0, Verdict.NOTHING_FEASIBLE: 1, Verdict.NOT_ENOUGH_INFORMATION: 2}
    return codes[decision.verdict]


def _refuse_odd(samples: int) -> None:
    from advisor.base.errors import UsageError

    if samples & (samples - 1):
        below = 1 << (samples.bit_length() - 1)
        raise UsageError(f"--samples {samples} is not a power of two", fix=f"use {below} or {2 * below}")


def read_answers(file: Path, facts: Any) -> "Answers":
    """The answers in `file`; an empty file holds none. Raises `InvalidDataError` with file and line."""
    from advisor.answers import Answers, load_answers_file
    from advisor.base.files import read_text

    if not read_text(file).strip():
        return Answers()
    return load_answers_file(file, facts)


def _decide_file(options: Options, file: Path, samples: int) -> "Decision":
    from advisor.contradictions import refuse_contradictions
    from advisor.decision.engine import decide
    from pricing.catalogue import load_catalogue
    from rules.load import load_rules

    rules = load_rules()
    answers = read_answers(file, rules.facts)
    refuse_contradictions(answers, rules.facts, where=str(file))
    return decide(answers, rules, load_catalogue(), today=options.today, samples=samples)


def _decide_project(options: Options, samples: int) -> "tuple[Decision, Path]":
    from advisor.contradictions import refuse_contradictions
    from advisor.decision.engine import decide
    from advisor.project import Project

    project: Project = Project.open(options.project)
    answers = project.answers()
    refuse_contradictions(answers, project.facts, where=str(options.project))
    previous = project.latest_decision()
    decision = decide(
        answers, project.rulebook, project.catalogue, today=options.today, previous=previous, samples=samples
    )
    return decision, project.save_decision(decision)
