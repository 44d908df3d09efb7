"""Make a project folder, empty or from an answers file."""

from pathlib import Path

import click

from advisor.base.errors import InvalidDataError
from advisor.cli.common import Options, common_options, emit, emit_json, talk


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
    if file and not len(answers):
        raise InvalidDataError(
            "no fact in it has a value", where=str(file), fix="answer at least task.kind, or drop --answers"
        )
    project = Project.create(folder, name=name)
    project.import_answers(answers, source=str(file))
    if options.json:
        emit_json({"v": 1, "project": str(folder), "name": project.name, "answers": len(answers)})
        return
    emit(str(folder))
    talk(f"{len(answers)} answers imported" if file else "the project has no answers yet")
    talk(f"next: advisor tui --project {folder}   or: advisor ask --project {folder}")
