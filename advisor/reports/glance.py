"""The money of a decision on one screen: returns, chances, what moves the value and where it breaks even, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from advisor.reports.blocks import FanChart, Report, Section
from advisor.reports.context import Context
from advisor.reports.gather import MAX_PRICE_AGE_DAYS, words_of
from advisor.reports.render.text import text
from advisor.reports.sections import cash_flow, sensitivity

if TYPE_CHECKING:
    from datetime import date

    from advisor.decision.result import Decision
    from rules.load import RuleBook


def money_text(decision: Decision, rules: RuleBook, today: date, width: int) -> str:
    """The report's own tables and charts, in lines of at most `width` characters; the cash-flow chart is left out."""
    context = Context(
        decision=decision,
        project="",
        command="",
        today=today,
        max_price_age_days=MAX_PRICE_AGE_DAYS,
        facts=words_of(rules),
    )
    sections = [
        Section(name, module.TITLE, [block for block in module.build(context) if not isinstance(block, FanChart)])
        for name, module in (("cash_flow", cash_flow), ("sensitivity", sensitivity))
    ]
    subject = context.subject
    title = "" if subject is None else subject.label
    return text(Report(title, "", "", [each for each in sections if each.blocks], None), width)
