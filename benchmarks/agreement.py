"""Does the engine advise what worked? Agreement with published outcomes, beside simple baselines.

    python -m benchmarks.agreement [--cases FILE] [--leave-out] [--json]

A case states its answers, the class of approach that won, and the classes that a sensible adviser could also name. The
figure is
class-balanced: the mean over winning classes of the share of their cases with an acceptable advice, because published
wins of
fine-tuning outnumber the rest.

--leave-out decides every case without what its own source taught the engine: effects whose only evidence (judgements
aside) is
that source are dropped, and an effect that rests on it beside others loses half of its certainty. What was set by hand
while
looking at these cases (the constants in advisor/decision) cannot be left out. Nor is unseen.json unseen any more: its
results were in view while effects were added. independent.json is the judge: written from published outcomes
without sight of the engine or its rules, and nothing was changed after its results. Many of its cases state
few facts, and 122 of its 278 answers are a reading of the source (`inferred_facts`).
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from advisor.answers import Answers
from advisor.decision.engine import decide
from pricing.catalogue import Catalogue, load_catalogue
from rules.load import RuleBook, load_rules
from rules.models import Effect

DATA = Path(__file__).parent / "data"
DAY = date(2026, 11, 24)
SAMPLES = 512
GOAL = 0.90
FILES = ("cases", "unseen", "independent")
CLASSES = ("prompting", "rag", "fine_tuning", "rag_plus_ft")


@dataclass(frozen=True, slots=True)
class Case:
    """One published (or practised) outcome."""

    id: str
    title: str
    source_group: str
    answers: dict[str, Any]
    winner_class: str
    acceptable_classes: tuple[str, ...]
    cited_as: str | None


@dataclass(frozen=True, slots=True)
class Advice:
    """What was said of a case."""

    case: Case
    advised: str
    option_id: str
    verdict: str

    @property
    def acceptable(self) -> bool:
        return self.advised in self.case.acceptable_classes


def load_cases(path: Path) -> list[Case]:
    """The cases of a file."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        Case(
            row["id"],
            row["title"],
            row["source_group"],
            row["answers"],
            row["winner_class"],
            tuple(row["acceptable_classes"]),
            row.get("cited_as"),
        )
        for row in rows
    ]


def advise(case: Case, rules: RuleBook, catalogue: Catalogue, samples: int = SAMPLES) -> Advice:
    """The class of the recommended option, or of the leaning where no recommendation is given."""
    answers = Answers.from_plain({"v": 1, "facts": case.answers}, rules.facts)
    decision = decide(answers, rules, catalogue, today=DAY, samples=samples, quick=True)
    option = decision.recommended or decision.ranked[0]
    return Advice(case, option.approach_class, option.option_id, decision.verdict.value)


def without_source(rules: RuleBook, cited_as: str | None) -> RuleBook:
    """The rule book as it would be had the source never been read."""
    if cited_as is None:
        return rules
    effects = {
        name: kept for name, effect in rules.effects.items() if (kept := _less_sure(effect, cited_as)) is not None
    }
    return replace(rules, effects=effects)


def _less_sure(effect: Effect, cited_as: str) -> Effect | None:
    mine = [e for e in effect.evidence if cited_as in e.source]
    others = [e for e in effect.evidence if cited_as not in e.source and e.kind != "judgement"]
    if not mine or effect.part in ("base", "labels"):
        return effect
    if not others:
        return None
    if effect.quality is None:
        return effect
    points = effect.quality.points * (1.0 - 0.5 / (1 + len(others)))
    sd = min(effect.quality.sd_points * 1.5, 0.4)
    return effect.model_copy(update={"quality": effect.quality.model_copy(update={"points": points, "sd_points": sd})})


def matrix(answers: dict[str, Any]) -> str:
    """The customer's article as a hand-written decision matrix."""
    labels = answers.get("data.labelled_examples")
    if answers.get("knowledge.source") in ("static_corpus", "changing_corpus"):
        return "rag"
    if labels is not None and labels < 200:
        return "prompting"
    behaviour = answers.get("task.kind") in ("style_imitation", "tool_calling", "structured_output")
    if behaviour or answers.get("task.format") in ("json", "dsl", "sql") or answers.get("task.tone_required"):
        return "fine_tuning"
    if answers.get("traffic.requests_per_month", 0) >= 1_000_000 or answers.get("preferences.priority") == "cost":
        return "fine_tuning"
    return "prompting"


def balanced(results: Iterable[tuple[str, bool]]) -> tuple[float, float]:
    """(class-balanced, plain) share of acceptable advice from (winning class, acceptable) pairs."""
    by_class: dict[str, list[bool]] = defaultdict(list)
    for winner, acceptable in results:
        by_class[winner].append(acceptable)
    whole = [acceptable for group in by_class.values() for acceptable in group]
    return sum(sum(g) / len(g) for g in by_class.values()) / len(by_class), sum(whole) / len(whole)


def score_baseline(cases: Sequence[Case], say: Callable[[dict[str, Any]], str]) -> tuple[float, float]:
    """Agreement of a rule that looks at the answers alone."""
    return balanced((case.winner_class, say(case.answers) in case.acceptable_classes) for case in cases)


def run(cases: Sequence[Case], *, leave_out: bool) -> list[Advice]:
    """Every case decided, each without its own source when `leave_out`."""
    rules, catalogue = load_rules(), load_catalogue()
    return [advise(case, without_source(rules, case.cited_as) if leave_out else rules, catalogue) for case in cases]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, nargs="*", default=[DATA / f"{name}.json" for name in FILES])
    parser.add_argument("--leave-out", action="store_true", help="each case without what its own source taught")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    for path in chosen.cases:
        cases = load_cases(path)
        found = run(cases, leave_out=False)
        left = run(cases, leave_out=True) if chosen.leave_out else []
        if chosen.json:
            print(json.dumps([{"id": a.case.id, "advised": a.advised, "option_id": a.option_id} for a in found]))
            continue
        _print(path, cases, found, left)


def _print(path: Path, cases: Sequence[Case], found: Sequence[Advice], left: Sequence[Advice]) -> None:
    print(f"\n{path.name}: {len(cases)} cases from {len({c.source_group for c in cases})} sources")
    for advice in found:
        mark = "ok " if advice.acceptable else "NOT"
        wanted = " or ".join(advice.case.acceptable_classes)
        print(f"  {mark} {advice.case.id:24} {advice.advised:12} ({wanted})  {advice.option_id}")
    print(f"\n  {'':44} {'class-balanced':>14} {'plain':>8}")
    rows = [("engine", balanced((a.case.winner_class, a.acceptable) for a in found))]
    if left:
        rows.append(("engine, own source left out", balanced((a.case.winner_class, a.acceptable) for a in left)))
    rows.append(("hand-written matrix (the article's)", score_baseline(cases, matrix)))
    rows += [(f"always {name}", score_baseline(cases, lambda _, name=name: name)) for name in CLASSES]  # type: ignore[misc]
    for label, (even, plain) in rows:
        goal = f"  (goal {GOAL:.2f})" if label == "engine" else ""
        print(f"  {label:44} {even:14.3f} {plain:8.3f}{goal}")


if __name__ == "__main__":
    main()
