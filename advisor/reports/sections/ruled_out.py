"""What was ruled out, by which rule, and why the losers lose."""

from collections.abc import Iterable

from advisor.decision.result import Evidence, Reason, RuledOut
from advisor.reports.blocks import NOT_APPLICABLE, Block, Cell, Column, Kind, Table
from advisor.reports.context import Context
from advisor.reports.sections.risks import cite
from advisor.reports.words import approach_name

ORDER = 75
TITLE = "Ruled out, and why others lose"

_NAMED = 4


def build(context: Context) -> list[Block]:
    """Gates first, then the reasons that speak of options other than the subject."""
    return [*_gates(context.decision.ruled_out), *_losers(context)]


def _gates(found: list[RuledOut]) -> list[Block]:
    """One row for each rule and text, with what it removed."""
    groups: dict[tuple[str, str], list[RuledOut]] = {}
    for out in found:
        groups.setdefault((out.rule, out.text), []).append(out)
    if not groups:
        return []
    columns = [
        Column("text", "Why"),
        Column("count", "Options", Kind.COUNT),
        Column("what", "Which"),
        Column("rule", "Rule", fine_print=True),
        Column("evidence", "Evidence", fine_print=True),
    ]
    rows: list[list[Cell]] = [
        [text, sum(out.count for out in group), _named(group), rule, cite(_unique(group))]
        for (rule, text), group in groups.items()
    ]
    return [Table("ruled_out", "Ruled out", columns, rows, shown_rows=12)]


def _named(group: list[RuledOut]) -> str:
    names = list(dict.fromkeys(approach_name(out.approach) if out.approach else out.option_id or "" for out in group))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _unique(group: Iterable[RuledOut | Reason]) -> list[Evidence]:
    return list({item.source: item for each in group for item in each.evidence}.values())


def _losers(context: Context) -> list[Block]:
    """One row for each option that the reasons speak of: the difference in figures, then the rules against it."""
    subject = context.subject
    own = {"winner", subject.option_id if subject else ""}
    groups: dict[str, list[Reason]] = {}
    for reason in context.decision.reasons:
        if reason.about not in own:
            groups.setdefault(reason.about, []).append(reason)
    if not groups:
        return []
    labels = {option.option_id: option.label for option in context.decision.ranked}
    columns = [
        Column("option", "Option"),
        Column("figures", "In figures"),
        Column("text", "What speaks against it"),
        Column("rule", "Rules", fine_print=True),
        Column("evidence", "Evidence", data_only=True),
    ]
    rows: list[list[Cell]] = [
        [
            labels.get(about, about),
            " ".join(reason.text for reason in group if reason.rule is None) or NOT_APPLICABLE,
            " ".join(reason.text for reason in group if reason.rule is not None) or NOT_APPLICABLE,
            ", ".join(reason.rule for reason in group if reason.rule is not None),
            cite(_unique(group)),
        ]
        for about, group in groups.items()
    ]
    return [Table("why_not", "Why the others lose", columns, rows, shown_rows=12)]
