"""The project folder: plain files that a person can read, diff and put in git (docs/project-folder.md)."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advisor.answers import Answers, Origin
from advisor.base.errors import CouldNotError, InvalidDataError, UsageError
from advisor.base.files import parse_json, quoted, read_text, replace_file
from advisor.journal import Clock, Deed, Journal, Line, locked, utc_now
from advisor.secrets import refuse_secret
from rules.facts import Fact

if TYPE_CHECKING:
    from advisor.decision.result import Decision
    from pricing.catalogue import Catalogue
    from rules.load import RuleBook

SETTINGS_FILE = "advisor.toml"
VERSION = 1
_MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """What `advisor.toml` holds."""

    name: str
    created: str


class Project:
    """A project folder on disk. Make one with `Project.create`, open one with `Project.open`."""

    def __init__(self, folder: Path, settings: Settings, *, now: Clock = utc_now) -> None:
        self.folder = folder
        self.settings = settings
        self.journal = Journal(folder / "answers.jsonl", now=now)

    @property
    def name(self) -> str:
        return self.settings.name

    @classmethod
    def create(cls, folder: Path, *, name: str | None = None, now: Clock = utc_now) -> "Project":
        """Make the folder (and its parents) and an empty project in it.

        Raises `UsageError` when there is one already, `CouldNotError` when the disk refuses.
        """
        if is_project(folder):
            raise UsageError(
                "there is a project here already", where=str(folder), fix=f"advisor tui --project {quoted(folder)}"
            )
        if os.path.exists(folder) and not os.path.isdir(folder):
            raise UsageError("this is a file, not a folder", where=str(folder), fix="choose another name")
        settings = Settings(checked_name(name or folder.resolve().name), now().isoformat(timespec="seconds"))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(folder / SETTINGS_FILE, _settings_text(settings))
        except OSError as error:
            raise CouldNotError(f"the project could not be made: {error.strerror}", where=str(folder)) from None
        return cls(folder, settings, now=now)

    @classmethod
    def open(cls, folder: Path, *, now: Clock = utc_now) -> "Project":
        """Open the project in `folder`. Raises `UsageError` when there is none, `InvalidDataError` when broken."""
        if not is_project(folder):
            missing = (
                "no such folder" if not os.path.exists(folder) else f"no project here (there is no {SETTINGS_FILE})"
            )
            raise UsageError(
                missing,
                where=str(folder),
                fix=f"advisor init {quoted(folder)} --answers FILE, or name it: --project DIR",
            )
        return cls(folder, _read_settings(folder / SETTINGS_FILE), now=now)

    @cached_property
    def rulebook(self) -> "RuleBook":
        """Our rules, overridden by those in the project's `rules/`."""
        from rules.load import load_rules

        own = self.folder / "rules"
        return load_rules(own) if own.is_dir() else load_rules()

    @cached_property
    def catalogue(self) -> "Catalogue":
        """Our prices, overridden by those in the project's `prices/`."""
        from pricing.catalogue import load_catalogue

        own = self.folder / "prices"
        return load_catalogue(own) if own.is_dir() else load_catalogue()

    @property
    def facts(self) -> Mapping[str, Fact]:
        facts: Mapping[str, Fact] = self.rulebook.facts
        return facts

    def answers(self) -> Answers:
        """The answers that stand now."""
        return self.journal.answers(self.facts)

    def trail(self) -> list[str]:
        """The facts a person answered or declined, in order."""
        return self.journal.trail()

    def set(self, fact: str, value: Any, *, source: str | None = None) -> Line:
        """Record what a person answered: `value` as `Fact.parse` returned it, or None for "I don't know"."""
        return self.journal.write("set", {fact: value}, source=source)

    def record(
        self, fact: str, value: Any, origin: Origin, source: str | None = None, evidence_n: int | None = None
    ) -> Line:
        """Record a value that did not come from a person: measured (by a run or an evaluation) or imported."""
        deed: Deed = {Origin.MEASURED: "measured", Origin.IMPORTED: "import"}.get(origin, "set")  # type: ignore[assignment]
        checked = self._checked(fact, value, source)
        return self.journal.write(deed, {fact: checked}, source=source, evidence_n=evidence_n)

    def import_answers(self, answers: Answers, *, source: str) -> Line | None:
        """Record all `answers` as one import, which one undo takes back; None when there is nothing to record."""
        known = answers.known()
        return self.journal.write("import", known, source=source) if known else None

    def forget(self, fact: str) -> Line | None:
        """Forget a fact whatever its origin; None when it has no value."""
        return self.journal.forget(fact)

    def undo(self) -> Line | None:
        """Take back the latest change of an answer, whoever made it; None when there is nothing left."""
        return self.journal.undo()

    def redo(self) -> Line | None:
        """Take back the latest undo."""
        return self.journal.redo()

    def _checked(self, fact: str, value: Any, source: str | None) -> Any:
        from advisor.answers import plain_value, unknown_fact

        where = source or "measurement"
        if fact not in self.facts:
            raise unknown_fact(fact, self.facts, where=where)
        return None if value is None else self.facts[fact].parse(plain_value(value), where)

    @property
    def runs_folder(self) -> Path:
        return self.folder / "runs"

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    @property
    def reports_folder(self) -> Path:
        return self.folder / "reports"

    @property
    def evaluations_folder(self) -> Path:
        return self.folder / "evaluations"

    def evaluation_files(self) -> list[Path]:
        """The result files of evaluations, the newest last."""
        found = self.evaluations_folder.glob("**/*.json")
        return sorted(found, key=lambda path: (path.stat().st_mtime, path.name))

    def decision_files(self) -> list[Path]:
        """The saved decisions, the oldest first."""
        return sorted(p for p in (self.folder / "decisions").glob("*.json") if p.stem.isdigit())

    def save_decision(self, decision: "Decision") -> Path:
        """Write `decision` as decisions/NNNN.json and return the path.

        A decision that is the same as the latest (same inputs, prices and winner) is not written again.
        """
        folder = self.folder / "decisions"
        folder.mkdir(exist_ok=True)
        with locked(folder / ".lock"):
            files = self.decision_files()
            if files and _same_decision(_read_decision(files[-1]), decision):
                return files[-1]
            path = folder / f"{int(files[-1].stem) + 1 if files else 1:04d}.json"
            replace_file(path, decision.model_dump_json(indent=1) + "\n")
            return path

    def latest_decision(self) -> "Decision | None":
        """The decision saved last. Raises `InvalidDataError` when its file is broken."""
        files = self.decision_files()
        return _read_decision(files[-1]) if files else None

    def previous_decision(self) -> "Decision | None":
        """The decision before the latest."""
        files = self.decision_files()
        return _read_decision(files[-2]) if len(files) > 1 else None


def is_project(folder: Path) -> bool:
    """Whether `folder` holds a project."""
    # Not Path.is_file: it raises for a name that is too long or a folder that may not be entered.
    return os.path.isfile(folder / SETTINGS_FILE)


def checked_name(name: str) -> str:
    """A project's name as it may be stored. Raises `UsageError` for one that cannot be shown."""
    name = name.strip()
    if not name or len(name) > _MAX_NAME or not name.isprintable():
        raise UsageError(f"a project's name is 1 to {_MAX_NAME} printable characters", fix="choose another --name")
    refuse_secret(name, where="name")
    return name


def _settings_text(settings: Settings) -> str:
    import tomlkit

    document = tomlkit.document()
    document.add("v", tomlkit.item(VERSION))
    document.add("name", tomlkit.item(settings.name))
    document.add("created", tomlkit.item(settings.created))
    text: str = tomlkit.dumps(document)
    return text


def _read_settings(path: Path) -> Settings:
    try:
        found = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise InvalidDataError(
            f"not valid TOML: {error}", where=str(path), fix="mend it, or restore it from git"
        ) from None
    version = found.get("v")
    if version != VERSION or isinstance(version, bool):
        raise InvalidDataError(f"v is {version!r}; this program reads version 1", where=f"{path}: v", fix="write v = 1")
    unknown = set(found) - {"v", "name", "created"}
    if unknown:
        raise InvalidDataError(f"unknown key {min(unknown)!r}", where=str(path), fix="allowed are v, name, created")
    name, created = found.get("name"), found.get("created", "")
    if not isinstance(name, str) or not name.strip():
        raise InvalidDataError("name must be text", where=f"{path}: name", fix='write name = "..."')
    if isinstance(created, datetime):
        created = created.isoformat()
    if not isinstance(created, str):
        raise InvalidDataError("created must be a date and time", where=f"{path}: created")
    return Settings(name, created)


def _read_decision(path: Path) -> "Decision":
    from pydantic import ValidationError

    from advisor.decision.result import Decision

    raw = parse_json(read_text(path), where=str(path))
    fix = f"delete {path.name} and run `advisor decide` again; the answers are not in it"
    if isinstance(raw, dict) and raw.get("v") != VERSION:
        raise InvalidDataError(f"v is {raw.get('v')!r}; this program reads version 1", where=str(path), fix=fix)
    try:
        return Decision.model_validate(raw)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"])
        raise InvalidDataError(f"{key}: {problem['msg']}", where=str(path), fix=fix) from None


def _same_decision(before: "Decision", after: "Decision") -> bool:
    return (before.inputs_hash, before.today, before.prices_date, before.verdict, before.advisor_version) == (
        after.inputs_hash,
        after.today,
        after.prices_date,
        after.verdict,
        after.advisor_version,
    ) and (before.recommended and before.recommended.option_id) == (after.recommended and after.recommended.option_id)
