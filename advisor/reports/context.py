"""What the sections of a report are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from advisor.decision.result import Change, Decision, OptionResult, Verdict
from advisor.reports.numbers import percent, with_unit
from advisor.reports.outcomes import Evaluated, Outcome
from advisor.reports.words import plain


@dataclass(frozen=True, slots=True)
class Claim:
    """Something the customer's article says, and what holds now."""

    id: str
    title: str
    article: str
    now: str
    as_of: str
    source: str


@dataclass(frozen=True, slots=True)
class FactWords:
    """A fact's label and unit, and what its choices mean in words."""

    label: str
    unit: str | None = None
    is_share: bool = False
    choices: Mapping[str, str] = field(default_factory=dict)

    def said(self, value: object) -> str:
        """A value of the fact with its unit; a share as a percentage."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.is_share:
                return percent(float(value))
            return with_unit(plain(value), self.unit)
        if isinstance(value, str):
            return self.choices.get(value, value.replace("_", " "))
        return plain(value)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One figure of the price catalogue."""

    subject: str
    figure: str
    value: str
    unit: str
    source: str
    checked: str
    valid: str
    """From when to when it holds, in words."""


@dataclass(frozen=True, slots=True)
class Context:
    """A decision and everything around it that a report shows."""

    decision: Decision
    project: str
    command: str
    """The command line that makes this report again."""
    today: date
    max_price_age_days: int
    claims: Sequence[Claim] = ()
    facts: Mapping[str, FactWords] = field(default_factory=dict)
    """How each fact is spoken of."""
    changes: Sequence[Change] = ()
    compared_with: str | None = None
    """What `changes` is relative to, in words."""
    outcomes: Sequence[Outcome] = ()
    evaluations: Sequence[Evaluated] = ()
    prices: Sequence[PriceRow] = ()
    """The prices behind the options that the report draws."""
    oldest_price: date | None = None
    """The day on which the oldest price behind the subject was checked."""

    @property
    def prices_date(self) -> date:
        """The oldest of the catalogue's date and the dates of the prices that the recommendation rests on."""
        subject = self.subject
        own = [] if subject is None else [subject.prices_as_of]
        return min(day for day in (self.decision.prices_date, self.oldest_price, *own) if day is not None)

    @property
    def price_age_days(self) -> int:
        return (self.today - self.prices_date).days

    @property
    def prices_are_stale(self) -> bool:
        return self.price_age_days > self.max_price_age_days

    @property
    def subject(self) -> OptionResult | None:
        """The option the report speaks of: the recommended one, else the one in front."""
        if self.decision.recommended is not None:
            return self.decision.recommended
        return self.decision.ranked[0] if self.decision.ranked else None

    def fact(self, name: str) -> FactWords:
        """How a fact is spoken of; by its id when it is not known (an effect, a fact of another version)."""
        return self.facts.get(name) or FactWords(name)

    @property
    def recommends(self) -> bool:
        return self.decision.verdict is Verdict.RECOMMEND and self.decision.recommended is not None

    def drawn(self) -> list[OptionResult]:
        """The options that charts of a few lines show: the subject, the best of each other class, the status quo."""
        chosen: list[OptionResult] = [] if self.subject is None else [self.subject]
        for option in self.decision.ranked:
            if all(option.approach_class != other.approach_class for other in chosen):
                chosen.append(option)
        if all(option.option_id != self.decision.status_quo.option_id for option in chosen):
            chosen.append(self.decision.status_quo)
        return chosen
