"""Why: the reasons for the recommended option, or for and against any other, down to the sources."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.cli.common import Options, common_options, emit, emit_json

if TYPE_CHECKING:
    from advisor.decision.inquiry import Inquiry


@click.command()
@click.argument("option", required=False)
@click.option(
    "--answers", "file", type=click.Path(path_type=Path), help="Answers file, instead of the project's answers."
)
@click.option(
    "--trace", "traced", is_flag=True, help="Every figure with the facts, effects and prices it was made from."
)
@common_options
def command(options: Options, option: str | None, file: Path | None, traced: bool) -> None:
    """Say why OPTION (an option_id, or an approach such as `lora`) stands where it stands; without it, the recommended
    one."""
    from advisor.decision.inquiry import inquire

    answers, rules, catalogue = _inputs(options, file)
    found = inquire(answers, rules, catalogue, today=options.today, wanted=option)
    if options.json:
        emit_json(_plain(found, traced))
        return
    for line in _lines(found, traced):
        emit(line)


def _inputs(options: Options, file: Path | None) -> tuple[Any, Any, Any]:
    """(answers, rules, catalogue) of the file, or of the project."""
    from advisor.contradictions import refuse_contradictions

    if file is not None:
        from advisor.cli.decide import read_answers
        from pricing.catalogue import load_catalogue
        from rules.load import load_rules

        rules = load_rules()
        answers = read_answers(file, rules.facts)
        refuse_contradictions(answers, rules.facts, where=str(file))
        return answers, rules, load_catalogue()
    from advisor.project import Project

    project = Project.open(options.project)
    answers = project.answers()
    refuse_contradictions(answers, project.facts, where=str(options.project))
    return answers, project.rulebook, project.catalogue


def _plain(found: "Inquiry", traced: bool) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "v": 1,
        "option_id": found.option_id,
        "label": found.label,
        "place": found.place,
        "of": found.of,
        "recommended": found.recommended,
        "figures": None if found.result is None else found.result.model_dump(mode="json"),
        "reasons": [reason.model_dump(mode="json") for reason in found.reasons],
        "ruled_out": [rule.model_dump(mode="json") for rule in found.ruled_out],
        "misses": found.misses,
    }
    return plain | {"trace": [figure.plain() for figure in found.figures]} if traced else plain


def _lines(found: "Inquiry", traced: bool) -> list[str]:
    from textwrap import wrap

    from advisor.leaning import latency, share, spread

    lines = [found.label, f"  {found.option_id}", _standing(found)]
    if found.result is not None:
        r = found.result
        lines.append(f"  answered well {spread(r.quality, share)}, p95 {spread(r.latency_p95_ms, latency)}")
        lines.append(
            f"  {spread(r.upfront_cost_usd)} once, {spread(r.monthly_cost_usd)} a month, worth {spread(r.npv_usd)}"
        )
    lines += [f"  misses the {miss}" for miss in found.misses]
    for rule in found.ruled_out:
        lines += wrap(
            f"excluded by {rule.rule}: {rule.text}{_evidence(rule)}", 110, initial_indent="  ", subsequent_indent="    "
        )
    for reason in found.reasons:
        said = f"{reason.text}{_evidence(reason)}"
        lines += wrap(said, 110, initial_indent="  - ", subsequent_indent="    ")
    for figure in found.figures if traced else ():
        lines += ["", f"{figure.figure}: {figure.value}"]
        lines += wrap(figure.made, 110, initial_indent="  = ", subsequent_indent="    ")
        for source in figure.sources:
            dated = f", {source.date}" if source.date else ""
            text = f"{source.kind} {source.id}: {source.value} ({source.origin}; {source.source}{dated})"
            lines += wrap(text, 110, initial_indent="    ", subsequent_indent="      ")
    if found.figures and not traced:
        lines.append("  --trace shows what each figure is made from")
    return lines


def _standing(found: "Inquiry") -> str:
    if found.place is None:
        return "  ruled out"
    return f"  {'recommended, ' if found.recommended else ''}place {found.place} of {found.of}"


def _evidence(item: Any) -> str:
    sources = "; ".join(f"{e.source}{f': {e.says}' if e.says else ''}" for e in item.evidence[:2])
    return f" [{sources}]" if sources else ""
