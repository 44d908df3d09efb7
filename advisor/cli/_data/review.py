"""advisor data review: an expert looks at a random sample, and what that proves."""

import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from advisor.base.errors import UsageError
from advisor.cli._data.shared import mapping_options
from advisor.cli.common import Options, common_options, emit, emit_json, interactive, talk
from advisor.datafacts import record_review
from advisor.project import Project

if TYPE_CHECKING:
    from trainers.data.review.session import Item, Review, Standing

_HELP = "1 accept   2 reject   3 correct   4 accept with a comment   5 skip   6 take the last one back   7 stop"


@click.command("review")
@click.argument("file", metavar="FILE")
@click.option("--reviewer", metavar="NAME", help="Who looks at them (default: your login name).")
@click.option("--quality", type=click.FloatRange(0.5, 0.999), default=0.95, help="Share that must be right (0.95).")
@click.option("--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, help="How sure to be (0.95).")
@click.option("--allow-bad", "allowed_bad", type=click.IntRange(0, 50), help="Bad rows that may be in the sample.")
@click.option("--ten-percent", is_flag=True, help="The rule of thumb: a random tenth. Its power is shown.")
@click.option("--seed", type=int, default=0, help="Another number, another sample (0).")
@click.option("--again", is_flag=True, help="Draw a new sample; the old review is kept beside it.")
@click.option("--status", is_flag=True, help="Only show where the review stands.")
@click.option("--export", type=click.Path(path_type=Path), metavar="CSV", help="Write the open rows as a table.")
@click.option("--import", "sheet", type=click.Path(path_type=Path), metavar="CSV", help="Read a filled-in table.")
@click.option("--apply", "out", type=click.Path(path_type=Path), metavar="OUT", help="Write FILE with the corrections.")
@mapping_options
@common_options
def command(
    options: Options,
    file: str,
    reviewer: str | None,
    status: bool,
    export: Path | None,
    sheet: Path | None,
    out: Path | None,
    maps: tuple[str, ...],
    system: str | None,
    dataset_split: str | None,
    **standards: Any,
) -> int:
    """Review a random sample of FILE: accept, reject or correct each row.

    How many rows: as few as prove the wanted quality when good data are looked at. Exits with 1 when the sample shows
    that the quality is not reached.
    """
    from trainers.data.review.session import ReviewRequest, review_folder, start
    from trainers.data.review.sheet import export_sheet, import_sheet

    project = Project.open(options.project)
    name = reviewer or _login()
    request = ReviewRequest(file, maps, system, dataset_split, **standards, go_on=not _named(standards))
    review = start(request, review_folder(project.data_folder, file), now=lambda: datetime.now(UTC))
    if export is not None:
        talk(f"{export_sheet(review, export, name)} rows written to {export}")
    elif sheet is not None:
        talk(f"{import_sheet(review, sheet, name)} verdicts of {name} read from {sheet}")
    elif out is not None:
        _apply(review, file, out, maps, system)
    elif not status:
        _ask(review, name, options)
    standing = review.standing()
    recorded = record_review(project.folder, standing, file)
    if options.json:
        emit_json({"v": 1, "file": file, "folder": str(review.folder)} | standing.to_json() | {"recorded": recorded})
    else:
        _print(standing, review)
        if recorded:
            talk(f"recorded as measured: {', '.join(recorded)}")
    return 1 if standing.outcome == "not_proven" and out is None else 0


def _named(standards: dict[str, Any]) -> bool:
    """Whether any standard was given rather than left at its default."""
    given = click.get_current_context().get_parameter_source
    return any(given(name) is not ParameterSource.DEFAULT for name in standards)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a user of that number
        return "reviewer"


def _apply(review: "Review", file: str, out: Path, maps: tuple[str, ...], system: str | None) -> None:
    from trainers.data.review.session import apply

    written = apply(review, file, out, maps=maps, system=system)
    talk(f"{written.rows:,} rows written to {written.path}: corrections put in, rejected rows left out")


def _print(standing: "Standing", review: "Review") -> None:
    plan = standing.plan
    emit(
        f"plan      look at {plan.sample} of {plan.rows:,} rows; at most {plan.allowed_bad} may be bad"
        f" ({plan.quality:.0%} right, confidence {plan.confidence:.0%})"
    )
    chances = ", ".join(f"{plan.passes_at(q):.0%} when {q:.0%} are right" for q in (0.90, plan.quality, 0.98, 0.99))
    emit(f"passes    {chances}")
    if plan.kind == "ten_percent" and not plan.proves:
        limit = plan.passes_at(plan.quality)
        emit(
            f"note      this rule passes data of just {plan.quality:.0%} in {limit:.0%} of cases: it proves little here"
        )
    emit("sample    " + ", ".join(f"{name} {count}" for name, count in list(review.record.strata.items())[:12]))
    by = ", ".join(f"{name} {count}" for name, count in standing.by_reviewer.items())
    emit(f"reviewed  {standing.reviewed} of {plan.sample}{f' ({by})' if by else ''}, {standing.bad} bad")
    if standing.quality is not None:
        found = standing.quality
        emit(f"quality   {found.rate:.1%} of the sample; of all rows {found.low:.1%} to {found.high:.1%}")
    for each in standing.agreement:
        kappa = "not defined" if each.kappa is None else f"{each.kappa:.2f}"
        ac1 = "not defined" if each.ac1 is None else f"{each.ac1:.2f}"
        emit(
            f"agreement {each.first} and {each.second}: {each.observed:.0%} of {each.rows} rows alike,"
            f" kappa {kappa}, AC1 {ac1}" + (f"; differ on {', '.join(each.disputed[:5])}" if each.disputed else "")
        )
    emit(f"verdict   {standing.outcome.replace('_', ' ')}: {standing.advice}")


def _ask(review: "Review", name: str, options: Options) -> None:
    """Walk through the open rows with numbered prompts."""
    if not interactive():
        raise UsageError(
            "a review needs someone to answer, and this is no terminal",
            fix="--export CSV, have it filled in, then --import CSV; or --status to see where it stands",
        )
    from trainers.data.review.record import Verdict

    waiting = review.waiting(name)
    said: list[Item] = []
    if waiting:
        talk(f"{len(waiting)} rows to look at as {name}; each verdict is saved at once")
    while waiting:
        item = waiting[0]
        _show(item, len(review.items), talk if options.json else emit)
        match click.prompt(_HELP, type=click.IntRange(1, 7), err=True):
            case 1:
                review.say(name, item.id, Verdict.ACCEPT)
            case 2:
                review.say(name, item.id, Verdict.REJECT, comment=_comment())
            case 3:
                answer = _right_answer(item)
                if answer is None:
                    continue
                review.say(name, item.id, Verdict.CORRECT, answer=answer, comment=_comment())
            case 4:
                review.say(name, item.id, Verdict.ACCEPT, comment=_comment())
            case 5:
                waiting = [*waiting[1:], item]
                continue
            case 6:
                waiting = [said.pop(), *waiting] if said else waiting
                continue
            case _:
                return
        said.append(waiting.pop(0))


def _show(item: "Item", total: int, say: Callable[[str], None]) -> None:
    say("")
    say(f"row {item.number} of {total}   id {item.id}   {item.stratum}")
    if item.instructions:
        say(f"instructions: {item.instructions}")
    say(f"question: {item.question}")
    say(f"answer: {item.answer}")


def _comment() -> str | None:
    text: str = click.prompt("comment (may be empty)", default="", show_default=False, err=True)
    return text.strip() or None


def _right_answer(item: "Item") -> str | None:
    """The corrected answer, written in an editor when it has several lines; None when nothing was changed."""
    if "\n" in item.answer:
        edited = click.edit(item.answer)
        text = edited.rstrip("\n") if edited is not None else ""
    else:
        text = click.prompt("the right answer", default=item.answer, err=True)
    return None if not text.strip() or text == item.answer else text
