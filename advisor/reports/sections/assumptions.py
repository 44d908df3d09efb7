"""Everything the numbers rest on, each with its origin, source and date."""

import re
from collections import Counter

from advisor.decision.result import Assumption
from advisor.reports.blocks import NOT_APPLICABLE, Block, Column, Origin, Paragraph, Table
from advisor.reports.context import Context
from advisor.reports.numbers import percent

ORDER = 70
TITLE = "Assumptions and their sources"

_TRUST = [origin.value for origin in Origin]
_UNITLESS = ("share", "")
_NOTHING = ("nothing assumed", "unknown")


def build(context: Context) -> list[Block]:
    """The most trusted first."""
    assumptions = context.decision.assumptions
    if not assumptions:
        return []
    columns = [
        Column("label", "What"),
        Column("value", "Value"),
        Column("origin", "Origin"),
        Column("source", "Source"),
        Column("date", "Date"),
        Column("id", "Id", data_only=True),
        Column("unit", "Unit", data_only=True),
    ]
    ordered = sorted(assumptions, key=lambda a: _TRUST.index(a.origin) if a.origin in _TRUST else len(_TRUST))
    known = [a for a in ordered if a.value not in _NOTHING]
    open_ones = [[a.label, a.id] for a in ordered if a.value in _NOTHING]
    rows = [[a.label, _value(context, a), a.origin, a.source, a.date or NOT_APPLICABLE, a.id, a.unit] for a in known]
    counts = Counter(item.origin for item in known)
    summary = ", ".join(f"{counts[origin]} {origin}" for origin in _TRUST if counts[origin])
    blocks: list[Block] = [
        Paragraph(
            f"{len(known)} in all: {summary}. Measured comes from an evaluation or a run, answered from the "
            f"interview, imported from a file, assumed from published ranges where nobody answered, estimated from "
            f"published results by a formula."
        ),
        Table("assumptions", "Assumptions", columns, rows),
    ]
    if open_ones:
        title = f"Not known, and nothing assumed in its place ({len(open_ones)})"
        names = [Column("label", "What"), Column("id", "Fact")]
        blocks.append(Table("not_known", title, names, open_ones, shown_rows=0))
    return blocks


def _as_percent(value: str, per: str) -> str:
    """Shares written as numbers become percentages: `-0.35 to 0 share a year` -> `-35 % to 0 % a year`."""
    if "%" in value:
        return value
    text = re.sub(r"-?\d+(\.\d+)?", lambda found: percent(float(found[0])), value)
    return text if not per or per in text else f"{text.removesuffix(f' share {per}')} {per}"


def _value(context: Context, assumption: Assumption) -> str:
    """An answer in the words of its fact; others with their unit, unless the value says it."""
    answered = context.decision.facts.get(assumption.id)
    if answered is not None and assumption.id in context.facts and not isinstance(answered, list):
        return context.fact(assumption.id).said(answered)
    unit = assumption.unit or ""
    if context.fact(assumption.id).is_share or unit.startswith("share "):
        return _as_percent(assumption.value, unit.removeprefix("share").strip())
    if unit in _UNITLESS or unit in assumption.value:
        return assumption.value
    return f"{assumption.value} {unit}"
