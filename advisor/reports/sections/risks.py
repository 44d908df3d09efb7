"""Risks of the recommendation, and whether data and team are ready for it."""

from advisor.decision.result import Evidence, Finding
from advisor.reports.blocks import NOT_APPLICABLE, Block, Column, Table
from advisor.reports.context import Context

ORDER = 50
TITLE = "Risks and readiness"

_SEVERITY = ("error", "warning", "info")
_WORDS = {"error": "✗ error", "warning": "! caution", "info": "note"}


def build(context: Context) -> list[Block]:
    """The most severe first; a section without findings is left out."""
    blocks: list[Block] = []
    if context.decision.readiness:
        blocks.append(_findings("readiness", "Is everything ready to start?", context.decision.readiness))
    if context.decision.risks:
        blocks.append(_findings("risks", "Risks to watch", context.decision.risks))
    if context.decision.unchecked:
        blocks.append(_open(context))
    return blocks


def _open(context: Context) -> Table:
    """What could not be judged, with the questions that it waits for."""
    columns = [
        Column("severity", "Severity"),
        Column("text", "If it turns out so"),
        Column("open", "Not known yet"),
        Column("do", "What to do then"),
        Column("rule", "Rule", fine_print=True),
    ]
    rows = [
        [
            _WORDS.get(f.severity, f.severity),
            f.text,
            ", ".join(context.fact(fact).label for fact in f.open_facts),
            f.do,
            f.rule,
        ]
        for f in context.decision.unchecked
    ]
    return Table("unchecked", "Not known yet, and may stop this plan", columns, rows)


def _findings(name: str, title: str, findings: list[Finding]) -> Table:
    columns = [
        Column("severity", "Severity"),
        Column("text", "Finding"),
        Column("do", "What to do"),
        Column("article", "The article says", fine_print=True),
        Column("now", "What holds now", fine_print=True),
        Column("rule", "Rule", fine_print=True),
        Column("evidence", "Evidence", fine_print=True),
    ]
    ordered = sorted(findings, key=lambda f: _SEVERITY.index(f.severity) if f.severity in _SEVERITY else 9)
    rows = [
        [_WORDS.get(f.severity, f.severity), f.text, f.do, f.article, f.now, f.rule, cite(f.evidence)] for f in ordered
    ]
    return Table(name, title, columns, rows)


def cite(evidence: list[Evidence]) -> str:
    """Sources in one line: kind, source, date."""
    texts = (
        f"{item.source} ({item.kind.replace('_', ' ')}{', ' + item.date if item.date else ''})" for item in evidence
    )
    return "; ".join(texts) or NOT_APPLICABLE
