"""Are the answers what the model should produce: a JSON schema, a regular expression, a list of labels, one form?"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError, UsageError
from advisor.base.files import parse_json, read_text
from trainers.data.findings import Problem
from trainers.data.lines import refuse_constant, unique_keys

_FENCE = re.compile(r"^\s*```")
_MOST_VALUES = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What answers must look like. All None: the form is taken from the answers themselves."""

    schema: str | None = None
    """JSON Schema as JSON text."""
    regex: str | None = None
    labels: tuple[str, ...] | None = None

    @property
    def anything(self) -> bool:
        return self.schema is None and self.regex is None and self.labels is None

    def problem(self, answer: str) -> Problem | None:
        """Why the answer is not valid, or None."""
        if self.labels is not None and answer.strip() not in self.labels:
            return Problem("invalid_output", f"{answer[:80]!r} is not one of the labels", dropped=True)
        if self.regex is not None and not re.fullmatch(self.regex, answer, re.DOTALL):
            return Problem("invalid_output", f"{answer[:80]!r} does not match the expression", dropped=True)
        return _against_schema(self.schema, answer) if self.schema is not None else None


def read_wanted(schema: Path | None, regex: str | None, labels: str | None) -> Wanted:
    """The wanted output from options. `labels` is a comma-separated list, or a file with one label a line."""
    text = None
    if schema is not None:
        text = read_text(schema)
        _validator(_checked_schema(text, str(schema)))
    if regex is not None:
        try:
            re.compile(regex)
        except re.error as error:
            raise UsageError(f"--regex is not a regular expression: {error}") from None
    return Wanted(text, regex, _labels(labels) if labels else None)


def _checked_schema(text: str, where: str) -> str:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(parse_json(text, where=where))
    except SchemaError as error:
        key = "/".join(map(str, error.absolute_path)) or "the schema"
        raise InvalidDataError(f"not a JSON Schema: {key}: {error.message}", where=where) from None
    return text


def _labels(text: str) -> tuple[str, ...]:
    lines = read_text(Path(text)).splitlines() if Path(text).is_file() else text.split(",")
    found = tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not found:
        raise UsageError("--labels names no label")
    return found


@lru_cache(maxsize=4)
def _validator(schema: str) -> Any:
    from jsonschema.validators import validator_for

    value = json.loads(schema)
    return validator_for(value)(value)


def _against_schema(schema: str, answer: str) -> Problem | None:
    value = as_json(answer)
    if isinstance(value, Problem):
        return value
    error = next(iter(_validator(schema).iter_errors(value)), None)
    if error is None:
        return None
    key = ".".join(map(str, error.absolute_path))
    return Problem("invalid_output", f"{key}: {error.message}"[:200] if key else error.message[:200])


def as_json(answer: str) -> Any:
    """The answer as strict JSON, or a `Problem`."""
    try:
        return json.loads(answer, parse_constant=refuse_constant, object_pairs_hook=unique_keys)
    except json.JSONDecodeError as error:
        if _FENCE.match(answer):
            return Problem("invalid_output", "the JSON stands in a code fence, which the model would learn to write")
        return Problem("invalid_output", f"not JSON: {error.msg} (column {error.colno})")
    except (ValueError, RecursionError) as error:
        return Problem("invalid_output", f"not JSON: {error}")


@dataclass(slots=True)
class Shape:
    """What form the answers have, counted over all rows: keys of JSON objects, and values that may be labels."""

    rows: int = 0
    objects: int = 0
    keys: Counter[tuple[str, ...]] = field(default_factory=Counter)
    first_line: dict[tuple[str, ...], int] = field(default_factory=dict)
    values: dict[str, Counter[str]] = field(default_factory=dict)
    """Per field ("" is the whole answer) its distinct values; a field with too many is no label and dropped."""
    unlimited: set[str] = field(default_factory=set)
    not_json: list[int] = field(default_factory=list)

    def add(self, line: int, answer: str) -> None:
        """Count one answer."""
        self.rows += 1
        self._value("", answer.strip())
        value = as_json(answer) if answer.lstrip()[:1] == "{" else None
        if not isinstance(value, dict):
            if len(self.not_json) < 10:
                self.not_json.append(line)
            return
        self.objects += 1
        keys = tuple(value)
        self.keys[keys] += 1
        self.first_line.setdefault(keys, line)
        for key, item in value.items():
            if isinstance(item, (str, bool, int)) or item is None:
                self._value(key, item if isinstance(item, str) else json.dumps(item))

    def _value(self, name: str, value: str) -> None:
        if name in self.unlimited:
            return
        counts = self.values.setdefault(name, Counter())
        counts[value[:200]] += 1
        if len(counts) > _MOST_VALUES:
            self.unlimited.add(name)
            del self.values[name]

    def merge(self, other: Shape) -> None:
        """Add the counts of another part of the rows."""
        self.rows += other.rows
        self.objects += other.objects
        self.keys.update(other.keys)
        for keys, line in other.first_line.items():
            self.first_line.setdefault(keys, line)
        self.unlimited |= other.unlimited
        for name, counts in other.values.items():
            self.values.setdefault(name, Counter()).update(counts)
        for name in [name for name, counts in self.values.items() if len(counts) > _MOST_VALUES]:
            self.unlimited.add(name)
        for name in self.unlimited:
            self.values.pop(name, None)
        self.not_json = (self.not_json + other.not_json)[:10]

    @property
    def is_json(self) -> bool:
        """Whether the answers are meant to be JSON objects: at least four in five are."""
        return self.rows > 0 and self.objects >= 0.8 * self.rows

    def label_fields(self) -> dict[str, Counter[str]]:
        """The fields that hold labels: few distinct values, each (on average) with at least five rows."""
        names = [name for name in self.values if name] if self.is_json else [""]
        found = {name: self.values[name] for name in names if name in self.values}
        return {
            name: counts
            for name, counts in found.items()
            if 2 <= len(counts) <= 200 and sum(counts.values()) >= 5 * len(counts)
        }


def labels_of(answer: str, fields: Sequence[str]) -> dict[str, str]:
    """The label of each field in one answer; "" is the whole answer."""
    found = {"": answer.strip()} if "" in fields else {}
    if any(fields):
        value = as_json(answer)
        if isinstance(value, dict):
            for name in fields:
                if name and name in value:
                    item = value[name]
                    found[name] = item if isinstance(item, str) else json.dumps(item)
    return found


def variants(counts: Counter[str]) -> Iterator[tuple[str, str]]:
    """Pairs of labels that differ only in case, blanks, hyphens or underscores: (the rarer, the commoner)."""
    by_form: dict[str, str] = {}
    for value, _ in counts.most_common():
        form = re.sub(r"[\s_-]+", "", value.casefold())
        if form in by_form:
            yield value, by_form[form]
        else:
            by_form[form] = value
