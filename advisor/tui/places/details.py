"""A decision as items of lists: reasons, plan, flips and what was ruled out, each with what stands behind it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.content import Content

from advisor.tui.explain import Explanation, explain_rule
from advisor.tui.text import latency, money, section, share, spread
from advisor.tui.widgets.rows import Row

if TYPE_CHECKING:
    from advisor.decision.result import CostLine, Decision, Finding, OptionResult, Reason, Spread
    from advisor.tui.session import Session
    from rules.load import RuleBook

_SEVERITY = {
    "error": ("■ ", "$text-error", "Stop: "),
    "warning": ("▲ ", "$text-warning", "Careful: "),
    "info": ("○ ", "$secondary", ""),
}
_LINES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Item:
    """A row, what `w` says about it, and the question that Enter goes to."""

    row: Row
    explanation: Explanation | None = None
    fact: str | None = None


def heading(text: str) -> Item:
    """A heading in a list."""
    return Item(Row(section(text), heading=True))


def _empty(text: str) -> list[Item]:
    return [Item(Row(Content.styled(text, "$secondary"), heading=True))]


def months(value: float) -> str:
    """A number of months in words."""
    return f"month {value:.0f}"


def weeks(value: float) -> str:
    """A number of weeks."""
    return f"{value:.0f}" if value >= 1 else f"{value:.1f}"


def option_parts(option: "OptionResult", decision: "Decision", *, wide: bool) -> list[Content | str]:
    """One option in full: figures with ranges, the largest costs, how sure it is."""
    pairs = [
        ("quality", spread(option.quality, share)),
        ("a month", spread(option.monthly_cost_usd, money)),
        ("at start", spread(option.upfront_cost_usd, money)),
        ("latency p95", spread(option.latency_p95_ms, latency)),
        ("value", f"{spread(option.npv_usd, money)} over {decision.horizon_months} months"),
        ("breaks even", _even(option)),
        ("best in", f"{share(option.probability_best)} of cases"),
    ]
    if option.weeks_to_production is not None:
        pairs.append(("in production", f"after {spread(option.weeks_to_production, weeks)} weeks"))
    if option.labels:
        pairs.append(("labels", f"{option.labels:,}"))
    if option.feasible_probability < 1:
        pairs.append(("within limits", f"in {share(option.feasible_probability)} of cases"))
    if option.available_until is not None:
        pairs.append(("sold until", option.available_until.isoformat()))
    parts: list[Content | str] = [Content.styled(option.label, "bold"), *_columns(pairs, wide=wide)]
    return parts + _cost_lines(option.cost_lines, wide=wide)


def _columns(pairs: list[tuple[str, str]], *, wide: bool) -> list[Content]:
    cells = [Content.assemble((f"{label:<14}", "$secondary"), value) for label, value in pairs]
    if not wide:
        return cells
    half = (len(cells) + 1) // 2
    left, right = cells[:half], [*cells[half:], Content("")]
    return [
        first.pad_right(max(1, 54 - first.cell_length)) + second for first, second in zip(left, right, strict=False)
    ]


def _even(option: "OptionResult") -> str:
    if option.break_even_month is None:
        return "never within the horizon, or it is what is done today"
    low, mid, high = option.break_even_month.p10, option.break_even_month.p50, option.break_even_month.p90
    around = f" ({low:.0f} to {high:.0f})" if round(low) != round(high) else ""
    return f"in month {mid:.0f}{around}"


def _cost_lines(found: "list[CostLine]", *, wide: bool) -> list[Content | str]:
    if not found:
        return []
    biggest = sorted(found, key=lambda line: -abs(line.expected_usd or line.upfront_usd.p50 + line.monthly_usd.p50))
    width = min(max(len(line.label) for line in biggest[:_LINES_SHOWN]), 44 if wide else 30)
    parts: list[Content | str] = ["", Content.styled("Largest costs (all in 3 Costs)", "$secondary")]
    for line in biggest[:_LINES_SHOWN]:
        label = line.label if len(line.label) <= width else line.label[: width - 1] + "…"
        amounts = [
            f"{money(amount.p50)}{unit}"
            for amount, unit in ((line.upfront_usd, " at start"), (line.monthly_usd, " a month"))
            if amount.p90 > 0 or amount.p10 < 0
        ]
        parts.append(Content.assemble(f"{label:<{width}}  ", ", ".join(amounts) or "nothing"))
    return parts


def reason_items(decision: "Decision", rulebook: "RuleBook", *, about: "set[str] | None" = None) -> list[Item]:
    """Why the winner wins and the losers lose, and what has changed; `about` limits it to some options."""
    items: list[Item] = []
    if about is None and decision.changes:
        items.append(heading("Changed since the last decision"))
        items += [Item(Row(change.text), Explanation("Changed", (change.text,))) for change in decision.changes]
    labels = {option.option_id: option.label for option in decision.ranked}
    wanted = [reason for reason in decision.reasons if about is None or reason.about in about]
    for name in dict.fromkeys(reason.about for reason in wanted):
        title = "Why it wins" if name == "winner" else labels.get(name, name)
        items.append(heading(title))
        items += [_reason(reason, rulebook) for reason in wanted if reason.about == name]
    return items or (_empty("No reasons yet: answer more in 1 Interview.") if about is None else [])


def _reason(reason: "Reason", rulebook: "RuleBook") -> Item:
    explanation = explain_rule("Why", reason.text, reason.rule, reason.evidence, rulebook)
    return Item(Row(reason.text), explanation)


def plan_items(decision: "Decision", rulebook: "RuleBook") -> list[Item]:
    """The staged plan with its gates, then what to mend before money is spent, then the risks."""
    items: list[Item] = []
    if decision.conflict is not None:
        items += [heading("Why nothing is feasible"), Item(Row(decision.conflict.text))]
        items += [Item(Row(f"Way out: {text}")) for text in decision.conflict.relaxations]
    if decision.plan:
        items.append(heading("Step by step; go on only when the gate is passed"))
    for number, stage in enumerate(decision.plan, start=1):
        text = Content.assemble(
            (f"{number}. {stage.name}", "bold"),
            _effort(stage.weeks, stage.cost_usd),
            f"\n{stage.do}\n",
            ("Gate: ", "bold"),
            stage.gate,
        )
        items.append(Item(Row(text), Explanation(stage.name, (stage.do, "", f"Gate: {stage.gate}"))))
    for title, findings in (("Before money is spent", decision.readiness), ("Risks", decision.risks)):
        if findings:
            items.append(heading(title))
            items += [_finding(finding, rulebook) for finding in findings]
    return items or _empty("No plan yet: answer more in 1 Interview.")


def _effort(duration: "Spread | None", cost: "Spread | None") -> str:
    said = []
    if duration is not None:
        said.append(f"{spread(duration, weeks)} weeks")
    if cost is not None:
        said.append(spread(cost, money))
    return f"  {', '.join(said)}" if said else ""


def _finding(finding: "Finding", rulebook: "RuleBook") -> Item:
    glyph, style, word = _SEVERITY.get(finding.severity, _SEVERITY["info"])
    todo = f"\n{finding.do}" if finding.do else ""
    text = Content.assemble((glyph, style), (word, "bold"), finding.text, (todo, "$secondary"))
    said = finding.text + (f"\n{finding.do}" if finding.do else "")
    return Item(Row(text), explain_rule("Finding", said, finding.rule, finding.evidence, rulebook))


def flip_items(decision: "Decision", session: "Session") -> list[Item]:
    """What would change the recommendation, what the limits cost, what to find out next; Enter goes to the question."""
    items: list[Item] = []
    if decision.flips:
        items.append(heading("What would change it (enter goes to the question)"))
        items += [Item(Row(flip.text), _fact_note(flip.label, flip.text), flip.fact) for flip in decision.flips]
    if decision.constraint_prices:
        items.append(heading("What each limit costs"))
        items += [Item(Row(p.text), _fact_note("Price of a limit", p.text), p.fact) for p in decision.constraint_prices]
    if decision.next_questions:
        items.append(heading("Worth finding out next"))
    for question in decision.next_questions:
        worth = (
            f"worth {money(question.value_of_information_usd)}; changes the winner in "
            f"{share(question.changes_winner_probability)} of cases"
        )
        text = Content.assemble(question.question, (f"  {worth}", "$secondary"))
        items.append(Item(Row(text), _fact_note(question.question, f"{question.why}\n\n{worth}"), question.fact))
    if not session.complete and decision.ranked:
        return [*items, *_empty("Flips are being worked out ...")]
    return items or _empty("No single answer changes the recommendation.")


def _fact_note(title: str, text: str) -> Explanation:
    return Explanation(title, (text,))


def ruled_out_items(decision: "Decision", rulebook: "RuleBook") -> list[Item]:
    """What was removed before anything was compared, by rule."""
    return [*_ruled_out(decision, rulebook)] or _empty("Nothing was ruled out.")


def _ruled_out(decision: "Decision", rulebook: "RuleBook") -> Iterable[Item]:
    for out in decision.ruled_out:
        what = (out.approach or out.option_id or "options").replace("_", " ")
        many = f" ({out.count} options)" if out.count > 1 else ""
        text = Content.assemble((f"{what}{many}: ", "bold"), out.text)
        yield Item(Row(text), explain_rule(f"{what}{many}", out.text, out.rule, out.evidence, rulebook))
