"""A JSON Schema read off the answers: which keys there are, and which values where only a few occur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trainers.evaluation.metrics._text import NotJsonError, expected_json

_MOST_VALUES = 200
_FEWEST_ROWS = 5
_TYPES: dict[type, str] = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}


def derive_schema(answers: Sequence[Any]) -> dict[str, Any] | None:
    """The schema that all `answers` (JSON objects, or text that is one) follow; None when one of them is no object.

    A text field is an enumeration when each of its values occurs twice on average, at most 200 of them. Keys come in
    the order in which they first occur, so that constrained decoding writes them as the examples do.
    """
    if len(answers) < _FEWEST_ROWS:
        return None
    try:
        objects = [expected_json(answer) for answer in answers]
    except NotJsonError:
        return None
    if not all(isinstance(value, dict) and value for value in objects):
        return None
    return _object_schema(objects)


def _object_schema(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    keys = list(dict.fromkeys(key for value in objects for key in value))
    return {
        "type": "object",
        "properties": {key: _value_schema([value[key] for value in objects if key in value]) for key in keys},
        "required": [key for key in keys if all(key in value for value in objects)],
        "additionalProperties": False,
    }


def _value_schema(values: Sequence[Any]) -> dict[str, Any]:
    if all(isinstance(value, dict) and value for value in values):
        return _object_schema(values)
    if all(isinstance(value, list) for value in values):
        inner = [item for value in values for item in value]
        return {"type": "array", "items": _value_schema(inner)} if inner else {"type": "array"}
    if not all(type(value) in _TYPES for value in values):
        return {}
    kinds = sorted({_TYPES[type(value)] for value in values})
    texts = sorted({value for value in values if isinstance(value, str)})
    if kinds == ["string"] and len(texts) <= min(_MOST_VALUES, len(values) // 2):
        return {"type": "string", "enum": texts}
    return {"type": kinds[0] if len(kinds) == 1 else kinds}


def schema_problem(schema: dict[str, Any], value: Any) -> str | None:
    """Why `value` does not follow the schema; None when it does."""
    import jsonschema

    error = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(value)), None)
    return None if error is None else str(error.message)
