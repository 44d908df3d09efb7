"""A decision as plain text for a terminal."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from advisor.decision.result import Decision, Finding, OptionResult, Verdict
from advisor.leaning import latency, money, share, spread

WIDTH = 110
UNCHECKED = 8
"""Open checks that are shown; the most severe stand first."""


def show(decision: Decision, rows: int) -> Iterator[str]:
    """The lines to print: verdict, table of ranked options, reasons, limits, what was ruled out, plan, questions,
    changes."""
    yield from _verdict(decision)
    yield from _table(decision, rows)
    yield from _reasons(decision)
    yield from _items("What would change it", [flip.text for flip in decision.flips[:8]])
    yield from _items("What each limit costs", [price.text for price in decision.constraint_prices])
    yield from _ruled_out(decision)
    yield from _plan(decision)
    findings = [*decision.readiness, *decision.risks]
    yield from _items("Mind", [f"{f.severity}: {f.text}" + (f" Do: {f.do}" if f.do else "") for f in findings])
    yield from _items("Not known yet, and may stop this plan", [_open(f) for f in decision.unchecked[:UNCHECKED]])
    yield from _items("Answers that played no part", [f"{u.text} ({u.fact})" for u in decision.unused])
    yield from _questions(decision)
    yield from _items("Changed since the decision before", [change.text for change in decision.changes])
    yield ""
    yield (
        f"{decision.options_considered:,} options considered, {len(decision.ranked):,} listed, "
        f"{decision.samples:,} samples "
        f"over {decision.horizon_months} months; price list of {decision.prices_date}."
    )


def _verdict(decision: Decision) -> Iterator[str]:
    word = {
        Verdict.RECOMMEND: "Recommended",
        Verdict.NOT_ENOUGH_INFORMATION: "Not enough information yet",
        Verdict.NOTHING_FEASIBLE: "Nothing fits all limits",
    }[decision.verdict]
    yield f"{word}: {decision.headline}"
    option = decision.recommended
    if option is not None:
        yield f"  answered well {spread(option.quality, share)}, {spread(option.monthly_cost_usd)} a month"
        yield f"  {spread(option.upfront_cost_usd)} once, p95 answer after {spread(option.latency_p95_ms, latency)}"
        yield f"  worth {spread(option.npv_usd)} against today over {decision.horizon_months} months"
        approach, exactly = share(decision.approach_probability(option.approach)), share(option.probability_best)
        yield f"  this approach is the best in {approach} of the samples, exactly this option in {exactly}"
        yield f"  within the limits in {share(option.feasible_probability)} of the samples"
    settled = "settled" if decision.settled else "not settled"
    yield f"  {settled}: {decision.settled_because}"
    if decision.conflict is not None:
        yield f"  {decision.conflict.text}"
        for way in decision.conflict.relaxations:
            yield f"  - way out: {way}"


def _table(decision: Decision, rows: int) -> Iterator[str]:
    yield ""
    yield "Options, best first: by average value, the worst tenth weighing a tenth more; within 5 % the simplest"
    yield "(the figures are middle estimates; value is net present value against today)"
    yield f"{'#':>3} {'answered well':>13} {'a month':>10} {'once':>10} {'p95':>8} {'value':>10} {'best in':>8}  option"
    for number, option in enumerate(_worth_a_row(decision, rows), start=1):
        place, result = option
        yield _row(place, result)
        if number == rows:
            break
    rest = len(decision.ranked) - rows
    if rest > 0:
        yield f"    ... and {rest:,} more (--rows {len(decision.ranked)})"


def _worth_a_row(decision: Decision, rows: int) -> Iterator[tuple[int, OptionResult]]:
    """The best options, and of every approach the best one, so that no approach is missing from the picture."""
    first_of: dict[str, int] = {}
    for place, option in enumerate(decision.ranked):
        first_of.setdefault(option.approach, place)
    room = max(rows - len(first_of), 1)
    places = sorted({*range(room), *first_of.values()})
    for place in places:
        yield place + 1, decision.ranked[place]


def _row(place: int, o: OptionResult) -> str:
    note = "" if o.feasible_probability >= 0.5 else f"  (within the limits in {share(o.feasible_probability)})"
    note = note if o.meets_limits else "  (outside the limits)"
    return (
        f"{place:>3} {share(o.quality.p50):>13} {money(o.monthly_cost_usd.p50):>10} "
        f"{money(o.upfront_cost_usd.p50):>10} {latency(o.latency_p95_ms.p50):>8} "
        f"{money(o.npv_usd.p50):>10} {share(o.probability_best):>8}  {o.label}{note}"
    )


def _reasons(decision: Decision) -> Iterator[str]:
    subject = decision.recommended or (decision.ranked[0] if decision.ranked else None)
    names = {"winner"} | ({subject.option_id} if subject else set())
    yield from _items("Why", [r.text + _sources(r.evidence) for r in decision.reasons if r.about in names][:6])
    against: dict[str, str] = {}
    for reason in decision.reasons:
        if reason.about not in names:
            against.setdefault(reason.about, reason.text)
    yield from _items("Why not the others (the best of each approach)", list(against.values()))


def _sources(evidence: list[Any]) -> str:
    return f" [{evidence[0].source}]" if evidence else ""


def _ruled_out(decision: Decision) -> Iterator[str]:
    by_rule: dict[str, tuple[int, set[str], str]] = {}
    for entry in decision.ruled_out:
        count, approaches, text = by_rule.get(entry.rule, (0, set(), entry.text))
        by_rule[entry.rule] = (count + entry.count, approaches | {entry.approach or "model"}, text)
    lines = []
    for rule, (count, approaches, text) in by_rule.items():
        if rule.startswith("not-"):
            lines.append(f"{rule}: {count} offers (--json lists them)")
        else:
            lines.append(f"{rule}: {count} options ({', '.join(sorted(approaches))}). {text}")
    yield from _items("Ruled out", lines)


def _plan(decision: Decision) -> Iterator[str]:
    lines = [f"{i}. {stage.name}. {stage.do} {stage.gate}" for i, stage in enumerate(decision.plan, start=1)]
    yield from _items("Plan", lines, mark="")


def _open(finding: Finding) -> str:
    return f"{', '.join(finding.open_facts)}: if it turns out so, {finding.severity}: {finding.text}"


def _questions(decision: Decision) -> Iterator[str]:
    lines = [
        f"{q.question} ({q.fact}; worth {money(q.value_of_information_usd)}, "
        f"changes the approach in {share(q.changes_winner_probability)})"
        for q in decision.next_questions[:6]
    ]
    yield from _items("What to find out next", lines)


def _items(title: str, texts: list[str], mark: str = "- ") -> Iterator[str]:
    if not texts:
        return
    yield ""
    yield title
    for text in texts:
        yield from wrap(text, WIDTH, initial_indent=f"  {mark}", subsequent_indent="    ")
