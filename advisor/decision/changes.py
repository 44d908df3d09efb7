"""What is different from the decision before: answers, measurements, prices, the winner and its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.decision.result import Change, CostLine, Decision, OptionResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rules.facts import Fact

MOVED = 0.02
"""A figure that moved by less than this share is not reported."""


def changes_between(before: Decision, after: Decision, facts: Mapping[str, Fact]) -> list[Change]:
    """Every difference that a reader of both decisions would ask about, causes first."""
    return [
        *_answers(before, after, facts),
        *_prices(before, after),
        *_winner(before, after),
        *_lines(before, after),
        *_figures(before, after),
    ]


def _answers(before: Decision, after: Decision, facts: Mapping[str, Fact]) -> list[Change]:
    found = []
    for fact in sorted({*before.facts, *after.facts}):
        old, new = before.facts.get(fact), after.facts.get(fact)
        origin = after.origins.get(fact, "")
        if old == new and before.origins.get(fact) == after.origins.get(fact):
            continue
        label = facts[fact].label if fact in facts else fact
        kind = "measurement" if origin == "measured" else "answer"
        text = f"{label}: {_shown(old)} -> {_shown(new)}" + (" (measured)" if kind == "measurement" else "")
        earlier = before.origins.get(fact) if old == new else None
        found.append(
            Change(
                kind=kind,
                what=fact,
                before=_text(old, earlier),
                after=_text(new, origin if earlier else None),
                text=text,
            )
        )
    return found


def _prices(before: Decision, after: Decision) -> list[Change]:
    found = []
    if before.prices_date != after.prices_date:
        found.append(
            Change(
                kind="price",
                what="prices_date",
                before=str(before.prices_date),
                after=str(after.prices_date),
                text=f"prices as of {after.prices_date} instead of {before.prices_date}",
            )
        )
    if before.advisor_version != after.advisor_version:
        found.append(
            Change(
                kind="rule",
                what="advisor_version",
                before=before.advisor_version,
                after=after.advisor_version,
                text=f"rules and effects of version {after.advisor_version} instead of {before.advisor_version}",
            )
        )
    return found


def _winner(before: Decision, after: Decision) -> list[Change]:
    old, new = _subject(before), _subject(after)
    if (old and old.option_id) == (new and new.option_id) and before.verdict == after.verdict:
        return []
    return [
        Change(
            kind="winner",
            what="recommended",
            before=old.label if old else before.verdict.value,
            after=new.label if new else after.verdict.value,
            text=f"{_named(before, old)} -> {_named(after, new)}",
        )
    ]


def _named(decision: Decision, option: OptionResult | None) -> str:
    verdict = decision.verdict.value.replace("_", " ")
    return f"{verdict}: {option.label}" if option else verdict


def _subject(decision: Decision) -> OptionResult | None:
    return decision.recommended or (decision.ranked[0] if decision.ranked else None)


def _figures(before: Decision, after: Decision) -> list[Change]:
    """How the figures of the new winner moved, whatever its place before."""
    new = _subject(after)
    old = next((o for o in before.ranked if new is not None and o.option_id == new.option_id), None)
    if new is None or old is None:
        return []
    found = []
    for name, label, show in _FIGURES:
        a, b = getattr(old, name), getattr(new, name)
        if abs(a.p50 - b.p50) <= MOVED * max(abs(a.p50), abs(b.p50), 1e-9) and abs(
            (a.p90 - a.p10) - (b.p90 - b.p10)
        ) <= 0.1 * max(a.p90 - a.p10, 1e-9):
            continue
        first, second = (f"{show(s.p50)} ({show(s.p10)} to {show(s.p90)})" for s in (a, b))
        found.append(
            Change(
                kind="figure", what=name, before=first, after=second, text=f"{new.label}: {label} {first} -> {second}"
            )
        )
    return found


def _lines(before: Decision, after: Decision) -> list[Change]:
    """The cost lines of the new winner that moved, with how each was made then and now."""
    new = _subject(after)
    old = next((o for o in before.ranked if new is not None and o.option_id == new.option_id), None)
    if new is None or old is None:
        return []
    earlier = {line.label: line for line in old.cost_lines}
    found = []
    for line in new.cost_lines:
        was = earlier.get(line.label)
        if was is None or not _moved(was, line):
            continue
        text = f"{line.label}: {_money(was)} -> {_money(line)}"
        if was.basis != line.basis:
            text += f"; {was.basis} -> {line.basis}"
        found.append(Change(kind="figure", what=line.label, before=_money(was), after=_money(line), text=text))
    return found


def _moved(was: CostLine, now: CostLine) -> bool:
    pairs = ((was.upfront_usd.p50, now.upfront_usd.p50), (was.monthly_usd.p50, now.monthly_usd.p50))
    return any(abs(b - a) > max(MOVED * max(abs(a), abs(b)), 1.0) for a, b in pairs)


def _money(line: CostLine) -> str:
    parts = [(line.upfront_usd.p50, "once"), (line.monthly_usd.p50, "a month")]
    return " and ".join(f"{_usd(amount)} {when}" for amount, when in parts if amount) or "$0"


def _usd(value: float) -> str:
    return f"{'-' if value < 0 else ''}${abs(value):,.0f}"


_FIGURES: tuple[tuple[str, str, Any], ...] = (
    ("quality", "answered well", lambda v: f"{v:.0%}"),
    ("monthly_cost_usd", "cost a month", _usd),
    ("latency_p95_ms", "latency", lambda v: f"{v:,.0f} ms"),
    ("npv_usd", "net present value", _usd),
)


def _shown(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    measured = isinstance(value, list) and bool(value) and all(isinstance(v, dict) and "quality" in v for v in value)
    return "; ".join(map(_measured, value)) if measured else str(value)


def _measured(entry: Mapping[str, Any]) -> str:
    """One entry of `measured.options` in a few words."""
    return f"{entry['approach']} on {entry['model']} {entry['quality']:.1%} of {entry['n']}"


def _text(value: Any, origin: str | None = None) -> str | None:
    if value is None:
        return None
    return f"{_shown(value)} ({origin})" if origin else _shown(value)
