"""The answer is JSON that follows a JSON Schema."""

from functools import cache
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError, UsageError, require
from advisor.base.files import parse_json, read_text
from trainers.evaluation.metrics._text import NotJsonError, as_json

TITLE = "follows the schema"
BINARY = True
ARGUMENT = "the schema's file"
EXAMPLES: list[tuple[Any, str, str | None, float]] = []


def check_argument(argument: str | None) -> None:
    """Raises `UsageError` without a file, `InvalidDataError` when it holds no schema."""
    if argument is None:
        raise UsageError("the metric 'json_schema' needs a schema", fix="write --metric json_schema=FILE")
    _validator(argument)


@cache
def _validator(file: str) -> Any:
    require("jsonschema", "data")
    import jsonschema

    schema = parse_json(read_text(Path(file)), where=file)
    validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise InvalidDataError(f"not a JSON Schema: {error.message}", where=file) from None
    return validator(schema)


def score(expected: Any, output: str, argument: str | None) -> float:
    """1 when the answer is valid under the schema, else 0."""
    assert argument is not None
    try:
        return float(_validator(argument).is_valid(as_json(output)))
    except NotJsonError:
        return 0.0
