"""The pieces that every rule and fact file is made of: strict models, conditions, evidence, examples."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    StringConstraints,
    WithJsonSchema,
)

from rules.expression import Expression, ExpressionError


class Strict(BaseModel):
    """A frozen piece of a file; a misspelt key is an error, not a remark."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)


def _read_condition(value: Any) -> Any:
    if isinstance(value, Expression):
        return value
    if isinstance(value, bool):
        return Expression(str(value))
    if not isinstance(value, str):
        raise ExpressionError(f"{value!r} is not an expression", fix="write it as text, in quotes")
    return Expression(value)


Condition = Annotated[
    InstanceOf[Expression],
    BeforeValidator(_read_condition),
    WithJsonSchema({"type": "string", "description": "A one-line condition, see docs/rules.md"}),
]


def _written(text: str) -> str:
    """Refuse what `advisor rules new` left to be written."""
    if text.lstrip().startswith("TODO"):
        raise ValueError("still to be written")
    return text


Prose = Annotated[
    str, StringConstraints(min_length=3, max_length=2000, strip_whitespace=True), AfterValidator(_written)
]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), AfterValidator(_written)]
RULE_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
FACT_ID = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
RuleId = Annotated[str, StringConstraints(pattern=f"^{RULE_ID.pattern}$", max_length=80)]
FactId = Annotated[str, StringConstraints(pattern=f"^{FACT_ID.pattern}$", max_length=80)]

EvidenceKind = Literal[
    "paper", "benchmark", "vendor_document", "field_report", "article", "price_list", "regulation", "judgement"
]
Grade = Literal["strong", "moderate", "weak"]

PartialDate = Annotated[int, Field(ge=1900, le=2100)] | Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}$")]
"""A year, or year and month, where the day of a source is not known."""

_USUAL_GRADE: dict[str, Grade] = {
    "paper": "moderate",
    "benchmark": "moderate",
    "price_list": "strong",
    "regulation": "strong",
    "vendor_document": "moderate",
}


class Evidence(Strict):
    """One source of a rule: what it says, when it said so, and how much it carries."""

    kind: EvidenceKind
    source: Line
    date: datetime.date | PartialDate
    says: Prose | None = None
    grade: Grade | None = None

    @property
    def strength(self) -> Grade:
        """The grade, or the usual one of the kind: a single field report, the article and a judgement are weak."""
        return self.grade or _USUAL_GRADE.get(self.kind, "weak")


class Example(Strict):
    """A case in which the rule fires, stays silent, or cannot know yet. It is run when the file is checked."""

    facts: dict[str, Any] = Field(default_factory=dict)
    option: dict[str, Any] = Field(default_factory=dict)
    fires: Literal[True, False, "unknown"]
    note: Line | None = None
