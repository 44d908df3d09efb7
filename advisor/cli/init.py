"""Make a project folder, empty or from an answers file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from advisor.base.files import quoted
from advisor.cli.common import Options, common_options, emit, emit_json, talk

if TYPE_CHECKING:
    from advisor.answers import Answers


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--answers", "file", type=click.Path(path_type=Path), help="Answers file (YAML or JSON) to start from.")
@click.option("--name", help="The project's name (default: the folder's).")
@common_options
def command(options: Options, folder: Path, file: Path | None, name: str | None) -> None:
    """Make a project in DIR: advisor.toml, and answers.jsonl with the answers of FILE."""
    from advisor.answers import Answers, load_answers_file
    from advisor.contradictions import refuse_contradictions
    from advisor.project import Project
    from rules.load import load_rules

    # The file is read before the folder is made, so that a wrong file leaves nothing behind.
    facts = load_rules().facts
    answers = load_answers_file(file, facts) if file else Answers()
    refuse_contradictions(answers, facts, where=str(file))
    project = Project.create(folder, name=name or answers.name)
    project.import_answers(answers, source=str(file))
    if options.json:
        emit_json({"v": 1, "project": str(folder), "name": project.name, "answers": len(answers)})
        return
    emit(str(folder))
    talk(_told(answers, file))
    talk(f"next: advisor tui --project {quoted(folder)}   or: advisor ask --project {quoted(folder)}")


def _told(answers: "Answers", file: Path | None) -> str:
    if len(answers):
        return f"{len(answers)} answers imported"
    return (
        f"the project has no answers yet: no fact in {file} has a value" if file else "the project has no answers yet"
    )
