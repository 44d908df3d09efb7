"""The panel beside the interview: what the answers so far lean to."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from advisor.leaning import latency, leader, money, share, spread
from advisor.tui.text import lines, state

if TYPE_CHECKING:
    from advisor.decision.result import Decision, OptionResult
    from advisor.tui.session import Session

_LABEL = 9


class LeaningPanel(VerticalScroll, can_focus=False):
    """Verdict, option, quality, money and latency of the latest decision, and what to find out next."""

    def compose(self) -> ComposeResult:
        yield Static(id="leaning")

    def show(self, session: "Session") -> None:
        """Show the session's decision, or why there is none."""
        self.query_one("#leaning", Static).update(leaning_text(session))


def leaning_text(session: "Session") -> Content:
    """The whole panel."""
    parts: list[Content | str] = [_status(session), ""]
    if session.problem is not None and not session.deciding:
        parts += [Content.styled(session.problem, "$text-warning"), "", "Your answers are saved all the same."]
    elif session.decision is not None:
        parts += _decision(session.decision, session)
    elif not session.deciding:
        parts += ["Answer a question to see where it leads."]
    return lines(parts)


def _status(session: "Session") -> Content:
    if session.deciding and not session.up_to_date:
        return state("idle", "deciding ...")
    if session.problem is not None:
        return state("caution", "no decision")
    if session.decision is None:
        return state("idle", "no decision yet")
    return verdict_state(session.decision)


def verdict_state(decision: "Decision") -> Content:
    """The verdict as glyph and words."""
    if decision.verdict == "nothing_feasible":
        return state("bad", "Nothing is feasible")
    if decision.verdict == "not_enough_information":
        return state("idle", "Leaning, not enough answers yet")
    return state("good", "Settled" if decision.settled else "Recommended, not settled")


def _decision(decision: "Decision", session: "Session") -> list[Content | str]:
    best = leader(decision)
    if best is None:
        return [decision.headline]
    parts: list[Content | str] = [Content.styled(best.label, "bold"), "", *figures(best, decision)]
    second = next((option for option in decision.ranked if option.option_id != best.option_id), None)
    if second is not None:
        parts += ["", Content.styled("Runner-up", "$secondary"), f"{second.label} ({share(second.probability_best)})"]
    return parts + _next(decision, session)


def figures(option: "OptionResult", decision: "Decision") -> list[Content | str]:
    """The option's figures, each with its range, one a line."""
    rows = [
        ("best in", f"{share(decision.approach_probability(option.approach))} of cases, as an approach"),
        ("", f"{share(option.probability_best)} with this model and place"),
        ("quality", spread(option.quality, share)),
        ("a month", spread(option.monthly_cost_usd, money)),
        ("at start", spread(option.upfront_cost_usd, money)),
        ("latency", spread(option.latency_p95_ms, latency)),
    ]
    return [Content.assemble((f"{label:<{_LABEL}}", "$secondary"), value) for label, value in rows]


def _next(decision: "Decision", session: "Session") -> list[Content | str]:
    if not decision.next_questions:
        because = decision.settled_because.strip()
        return ["", Content.styled(because, "$secondary")] if because else []
    parts: list[Content | str] = ["", Content.styled("Worth finding out next", "$secondary")]
    for question in decision.next_questions[:4]:
        fact = session.project.facts.get(question.fact)
        worth = question.value_of_information_usd
        parts.append(f"- {fact.label if fact else question.fact}" + (f" ({money(worth)})" if worth >= 1 else ""))
    return parts
