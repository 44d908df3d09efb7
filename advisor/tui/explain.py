"""What stands behind something on the screen: the rule, its evidence, its sources, as text."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.content import Content

from advisor.tui.text import bullet, section

if TYPE_CHECKING:
    from advisor.decision.result import Evidence
    from advisor.interview import Question
    from advisor.tui.session import Session
    from rules.load import RuleBook


@dataclass(frozen=True, slots=True)
class Explanation:
    """A titled text for the window that the key `w` opens."""

    title: str
    parts: tuple[Content | str, ...]


def explain_question(question: "Question", session: "Session") -> Explanation:
    """Why it is asked, what an answer changes now, what is assumed and from where, and the rules that use it."""
    from advisor.leaning import what_it_changes

    fact = question.fact
    parts: list[Content | str] = [fact.why, ""]
    changes = what_it_changes(fact.id, session.decision)
    if changes:
        parts += [section("What an answer changes now"), changes, ""]
    parts += [section("What is assumed while it is unknown")]
    parts += [question.assumed or "Nothing: what rests on it stays unknown."]
    if fact.assume is not None:
        dated = f", {fact.assume.date}" if fact.assume.date else ""
        parts += [Content.styled(f"Source: {fact.assume.source}{dated}", "$secondary")]
        if fact.assume.note:
            parts += [Content.styled(str(fact.assume.note), "$secondary")]
    used = _rules_that_use(fact.id, session.project.rulebook)
    if used:
        parts += ["", section("Rules that use the answer"), *(bullet(title) for title in used)]
    return Explanation(fact.label, (*parts, "", Content.styled(f"Fact id: {fact.id}", "$secondary")))


def _kinds(rulebook: "RuleBook") -> Iterable[dict[str, Any]]:
    for kind in ("gates", "effects", "guidance", "readiness", "risks", "claims"):
        yield getattr(rulebook, kind, None) or {}


def _rules_that_use(fact: str, rulebook: "RuleBook") -> list[str]:
    return [
        rule.title
        for rules in _kinds(rulebook)
        for rule in rules.values()
        if any(fact in condition.names for _, condition in rule.conditions())
    ]


def find_rule(rule: str | None, rulebook: "RuleBook") -> Any:
    """The rule or effect with this id, or None."""
    return next((rules[rule] for rules in _kinds(rulebook) if rule is not None and rule in rules), None)


def rule_parts(rule: str | None, rulebook: "RuleBook") -> list[Content | str]:
    """A rule in full: what it says, when it does not hold, what the article says and what holds now."""
    found = find_rule(rule, rulebook)
    if found is None:
        return [Content.styled(f"Rule: {rule}", "$secondary")] if rule else []
    parts: list[Content | str] = [section(found.title), found.because.strip()]
    for label, name in (("Unless: ", "unless"), ("The article says: ", "article"), ("What holds now: ", "now")):
        text = getattr(found, name, None)
        if text:
            parts += ["", Content.assemble((label, "bold"), str(text).strip())]
    parts += ["", Content.styled(f"Rule: {found.id}   (advisor rules explain {found.id})", "$secondary")]
    return parts


def evidence_parts(evidence: "Iterable[Evidence | Any]") -> list[Content | str]:
    """Each piece of evidence with its kind, date and source."""
    parts: list[Content | str] = []
    for piece in evidence:
        kind = str(piece.kind).replace("_", " ")
        dated = f", {piece.date}" if piece.date else ""
        says = f"{piece.says.strip()} " if piece.says else ""
        parts.append(Content.assemble("- ", says, (f"[{kind}{dated}: {piece.source}]", "$secondary")))
    return [section("Evidence"), *parts] if parts else []


def explain_rule(
    title: str, text: str, rule: str | None, evidence: "Iterable[Any]", rulebook: "RuleBook"
) -> Explanation:
    """A reason of a decision: its words, its rule, and the evidence (the rule's own when the reason brings none)."""
    found = find_rule(rule, rulebook)
    pieces = list(evidence) or list(getattr(found, "evidence", ()))
    return Explanation(title, (text, "", *rule_parts(rule, rulebook), "", *evidence_parts(pieces)))
