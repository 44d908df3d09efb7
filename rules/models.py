"""The six kinds of rules, one YAML file each. `fires` answers True, False or None (not known yet).

gates       exclude options: only real impossibilities and hard limits
effects     put numbers on quality (docs/quality-model.md)
guidance    reasons for and against approaches; they carry no number but name the effects that do
readiness   judge data, team and plan before money is spent
risks       add cautions to a recommendation
claims      what the article says, and what holds now
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from rules.expression import Lookup
from rules.schema import Condition, Evidence, Example, Line, Prose, RuleId, Strict

Severity = Literal["error", "warning", "info"]
Does = Literal["excludes", "requires", "prefers", "warns", "informs"]
Part = Literal["base", "prompted", "approach", "method", "labels", "teacher", "ceiling", "lift_cap"]
"""Where an effect enters the quality model (docs/quality-model.md)."""


class Rule(Strict):
    """What every rule says about itself."""

    facts_conditions: ClassVar[tuple[str, ...]] = ("when",)
    """Fields that hold a condition over facts only."""
    option_conditions: ClassVar[tuple[str, ...]] = ()
    """Fields that hold a condition over an option (facts may stand beside it)."""
    deciding: ClassVar[tuple[str, ...]] = ("when",)
    """The fields that must all hold for the rule to fire; an absent one holds."""

    v: Literal[1]
    id: RuleId
    title: Line
    because: Prose
    unless: Prose | None = None
    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1)]
    examples: Annotated[tuple[Example, ...], Field(min_length=1)]

    def fires(self, lookup: Lookup) -> bool | None:
        """Whether the rule applies under `lookup`, which answers fact ids and `option.*` names (None: unknown)."""
        known = True
        for _, condition in self.conditions(self.deciding):
            truth = condition.evaluate(lookup)
            if truth is False:
                return False
            known = known and truth is True
        return True if known else None

    def conditions(self, fields: tuple[str, ...] | None = None) -> Iterator[tuple[str, Condition]]:
        """(field, condition) for each condition that the file has."""
        for field in fields if fields is not None else (*self.facts_conditions, *self.option_conditions):
            condition = getattr(self, field)
            if condition is not None:
                yield field, condition


class Statement(Rule):
    """A rule that also says what the article holds on its subject, and what holds now where the article has aged."""

    unless: Prose
    article: Prose | None = None
    now: Prose | None = None
    as_of: datetime.date | None = None

    @model_validator(mode="after")
    def _dated(self) -> Statement:
        if (self.now is None) != (self.as_of is None):
            raise ValueError("`now` and `as_of` (the day on which it was checked) belong together")
        return self


class Gate(Statement):
    """Excludes the options for which `excludes` holds, when `when` holds."""

    option_conditions: ClassVar[tuple[str, ...]] = ("excludes",)
    deciding: ClassVar[tuple[str, ...]] = ("when", "excludes")

    does: Literal["excludes", "requires"] = "excludes"
    """`requires` reads better where the text names what is needed; both exclude what `excludes` describes."""
    when: Condition | None = None
    excludes: Condition
    text: Prose
    limits: tuple[Line, ...] = ()
    """The facts a user could change to lift the gate: named in conflicts and in the price of constraints."""


class Shift(Strict):
    """A shift of quality: `points` is an absolute share at quality `at`, from which the shift in log-odds follows."""

    points: Annotated[float, Field(ge=-1, le=1)]
    sd_points: Annotated[float, Field(ge=0, le=1)]
    at: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _stays_a_share(self) -> Shift:
        if not 0 < self.at + self.points < 1:
            raise ValueError("at + points must stay between 0 and 1")
        return self


class Effect(Rule):
    """A number on quality. What `part`, `labels` and `scale` mean is written in docs/quality-model.md."""

    option_conditions: ClassVar[tuple[str, ...]] = ("applies_to",)
    deciding: ClassVar[tuple[str, ...]] = ("when", "applies_to")

    part: Part
    when: Condition | None = None
    applies_to: Condition | None = None
    quality: Shift | None = None
    labels: dict[str, float] | None = None
    scale: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _has_a_number(self) -> Effect:
        if self.quality is None and self.labels is None and self.scale is None:
            raise ValueError("an effect needs `quality`, `labels` or `scale`")
        return self


class Guidance(Statement):
    """A reason for the options that `favours` describes and against those that `disfavours` does, without a number."""

    option_conditions: ClassVar[tuple[str, ...]] = ("favours", "disfavours")
    deciding: ClassVar[tuple[str, ...]] = ("when", "favours")

    does: Literal["prefers", "informs"] = "prefers"
    order: Annotated[int, Field(ge=0, le=100)] = 50
    """The lower, the earlier among the reasons: what decides before what merely suits."""
    when: Condition | None = None
    favours: Condition
    disfavours: Condition | None = None
    text: Prose
    """Why the favoured options suit."""
    against: Prose | None = None
    """Why the others do not."""
    effects: tuple[RuleId, ...] = ()
    """The effects that put numbers on it."""

    @model_validator(mode="after")
    def _both_or_neither(self) -> Guidance:
        if (self.disfavours is None) != (self.against is None):
            raise ValueError("`disfavours` and `against` belong together")
        return self


class Readiness(Statement):
    """A judgement of data, team or plan. `applies_to` narrows it to plans that contain such an option."""

    option_conditions: ClassVar[tuple[str, ...]] = ("applies_to",)
    deciding: ClassVar[tuple[str, ...]] = ("when", "applies_to")

    does: Does = "warns"
    when: Condition
    applies_to: Condition | None = None
    severity: Severity
    text: Prose
    do: Prose


class Risk(Statement):
    """A caution beside a recommendation of an option for which `applies_to` holds."""

    option_conditions: ClassVar[tuple[str, ...]] = ("applies_to",)
    deciding: ClassVar[tuple[str, ...]] = ("when", "applies_to")

    does: Does = "warns"
    when: Condition | None = None
    applies_to: Condition | None = None
    severity: Severity
    text: Prose
    do: Prose


class Claim(Statement):
    """What the article says and what holds now; shown where `matters_when` holds."""

    facts_conditions: ClassVar[tuple[str, ...]] = ()
    option_conditions: ClassVar[tuple[str, ...]] = ("matters_when",)
    deciding: ClassVar[tuple[str, ...]] = ("matters_when",)

    does: Literal["informs"] = "informs"
    matters_when: Condition | None = None
    article: Prose
    now: Prose
    as_of: datetime.date
