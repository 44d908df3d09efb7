"""The JSON schema of report.json, made from the classes that it is written from."""

from typing import Any, get_args

from pydantic import TypeAdapter

from advisor.decision.result import Decision
from advisor.reports.blocks import Block
from advisor.reports.render.json import kind_of

SCHEMA_ID = "urn:advisor:report:1"


def report_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a report, version 1."""
    definitions: dict[str, Any] = {}
    blocks = [_block(kind, definitions) for kind in get_args(Block)]
    decision = Decision.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
    definitions |= decision.pop("$defs", {})
    definitions["Decision"] = decision
    text = {"type": "string"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "Report of the adviser",
        "description": (
            "What report.html shows, as data. Money is US dollars, shares are 0..1, latency milliseconds; a spread is "
            "P10, P50, P90; null is unknown."
        ),
        **_object(
            {
                "v": {"const": 1},
                "title": text,
                "subtitle": text,
                "headline": text,
                "banner": {
                    "anyOf": [text, {"type": "null"}],
                    "description": "Said on every page, such as that the prices are stale.",
                },
                "command": {**text, "description": "The command line that makes the same report again."},
                "sections": {"type": "array", "items": {"$ref": "#/$defs/Section"}},
                "decision": {
                    "anyOf": [{"$ref": "#/$defs/Decision"}, {"type": "null"}],
                    "description": "The whole decision that the report was made from; null for a portfolio.",
                },
                "use_cases": {
                    "type": "array",
                    "items": _object({"name": text, "decision": {"$ref": "#/$defs/Decision"}}),
                    "description": "Of a portfolio, each use case with its decision; empty otherwise.",
                },
            }
        ),
        "$defs": {
            **definitions,
            "Section": _object({"id": text, "title": text, "blocks": {"type": "array", "items": {"oneOf": blocks}}}),
        },
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _block(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to the block's schema, which is added to `definitions`."""
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    schema = adapter.json_schema(mode="serialization", ref_template="#/$defs/{model}")
    for name, definition in schema.pop("$defs", {}).items():
        definitions[name] = _closed(definition)
    properties = {"block": {"const": kind_of(kind)}, **schema["properties"]}
    definitions[kind.__name__] = {**schema, **_object(properties)}
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _closed(definition: dict[str, Any]) -> dict[str, Any]:
    """A dataclass inside a block is written with all its fields and no others."""
    if definition.get("type") != "object":
        return definition
    return {**definition, "required": list(definition["properties"]), "additionalProperties": False}
