"""Where a report's decision comes from: a project, an answers file, or a decision saved earlier."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from advisor.base.errors import InvalidDataError

if TYPE_CHECKING:
    from datetime import date

    from advisor.decision.result import Decision
    from advisor.project import Project
    from pricing.catalogue import Catalogue
    from rules.load import RuleBook


SAMPLES = 1024
"""Sampled futures of a decision unless asked otherwise."""


@dataclass(frozen=True, slots=True)
class Source:
    """A decision to report on."""

    decision: Decision
    rules: RuleBook
    catalogue: Catalogue
    name: str
    folder: Path
    """Where the reports of it go."""
    command: str
    """What makes the same report again."""
    project: Project | None = None
    file: Path | None = None
    """The decision file, when it is saved."""


def from_case(path: Path, today: date, samples: int | None) -> Source:
    """A project folder or an answers file."""
    if path.is_file():
        return from_answers(path, today, samples)
    from advisor.project import Project

    return from_project(Project.open(path), today, samples)


def from_project(project: Project, today: date, samples: int | None) -> Source:
    """The project's decision; a new one is made and saved when there is none for these answers, prices and this day."""
    decision = _current(project, today, samples)
    if decision is None:
        from advisor.decision.engine import decide

        decision = decide(
            project.answers(),
            project.rulebook,
            project.catalogue,
            today=today,
            previous=project.latest_decision(),
            samples=samples or SAMPLES,
        )
        project.save_decision(decision)
    words = ["advisor", "report", "--project", str(project.folder), "--today", today.isoformat()]
    command = shlex.join([*words, *_samples(samples)])
    file = project.decision_files()[-1]
    return Source(
        decision, project.rulebook, project.catalogue, project.name, project.reports_folder, command, project, file
    )


def _current(project: Project, today: date, samples: int | None) -> Decision | None:
    """The latest decision if nothing that it rests on has changed."""
    import advisor
    from advisor.decision.engine import inputs_hash

    latest = project.latest_decision()
    if latest is None:
        return None
    saved = project.decision_files()[-1].stat().st_mtime
    own = [path for kind in ("rules", "prices") for path in (project.folder / kind).glob("**/*.yaml")]
    same = (
        latest.inputs_hash == inputs_hash(project.answers(), project.rulebook)
        and latest.today == today
        and latest.prices_date == (project.catalogue.prices_date or today)
        and latest.advisor_version == advisor.__version__
        and samples in (None, latest.samples)
        and all(path.stat().st_mtime <= saved for path in own)
    )
    return latest if same else None


def from_answers(path: Path, today: date, samples: int | None) -> Source:
    """A decision on an answers file. Raises `InvalidDataError` for a file that is wrong."""
    from advisor.answers import load_answers_file
    from advisor.decision.engine import decide
    from pricing.catalogue import load_catalogue
    from rules.load import load_rules

    rules, catalogue = load_rules(), load_catalogue()
    answers = load_answers_file(path, rules.facts)
    decision = decide(answers, rules, catalogue, today=today, samples=samples or SAMPLES)
    words = ["advisor", "report", "--answers", str(path), "--today", today.isoformat()]
    command = shlex.join([*words, *_samples(samples)])
    return Source(decision, rules, catalogue, _name_in(path), Path("reports"), command)


def from_decision(path: Path, today: date) -> Source:
    """A decision saved earlier, printed again as it was; in a project with that project's rules, prices and name."""
    from advisor.project import Project, is_project
    from pricing.catalogue import load_catalogue
    from rules.load import load_rules

    decision = read_decision(path)
    command = shlex.join(["advisor", "report", "--decision", str(path), "--today", today.isoformat()])
    home = path.resolve().parent.parent
    if path.resolve().parent.name == "decisions" and is_project(home):
        project = Project.open(home)
        rules, catalogue, folder = project.rulebook, project.catalogue, project.reports_folder
        return Source(decision, rules, catalogue, project.name, folder, command, file=path)
    return Source(decision, load_rules(), load_catalogue(), path.stem, Path("reports"), command, file=path)


def read_decision(path: Path) -> Decision:
    """A decision from a decision file or from a report.json. Raises `InvalidDataError`."""
    from pydantic import ValidationError

    from advisor.base.files import parse_json, read_text
    from advisor.decision.result import Decision

    raw = parse_json(read_text(path), where=str(path))
    if isinstance(raw, dict) and isinstance(raw.get("decision"), dict):
        raw = raw["decision"]
    try:
        return Decision.model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"]) or "the file"
        raise InvalidDataError(
            f"not a decision of this program: {key}: {problem['msg']}",
            where=str(path),
            fix="name a file of decisions/, the output of `advisor decide --json`, or a report.json",
        ) from None


def _samples(samples: int | None) -> list[str]:
    return [] if samples is None else ["--samples", str(samples)]


def _name_in(path: Path) -> str:
    """The `name:` of an answers file, else the file's own."""
    from advisor.base.files import read_text
    from advisor.base.yamlfile import parse_yaml

    try:
        value, _ = parse_yaml(read_text(path), file=str(path))
    except InvalidDataError:
        value = None
    name = value.get("name") if isinstance(value, dict) else None
    return name if isinstance(name, str) and name.strip() else path.stem
