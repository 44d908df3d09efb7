"""advisor data collect: examples from API logs, or written by a teacher model under a budget."""

from collections import Counter
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from advisor.base.errors import CouldNotError, UsageError
from advisor.cli._data.shared import wanted_options
from advisor.cli.common import Options, common_options, emit, emit_json, interactive, talk
from advisor.project import Project, is_project

if TYPE_CHECKING:
    from trainers.data.collect.budget import Price
    from trainers.data.collect.teacher import Tally, TeacherRequest


@click.command("collect")
@click.option("--logs", metavar="FILE", help="Log of an OpenAI-style API: a request and its response a line.")
@click.option("--requests", type=click.Path(path_type=Path), help="Batch input, when the log has only responses.")
@click.option("--teacher", metavar="URL", help="OpenAI-compatible endpoint that writes answers.")
@click.option("--prompts", metavar="FILE", help="What to ask the teacher.")
@click.option("--model", metavar="NAME", help="The teacher's model.")
@click.option("--budget-usd", type=click.FloatRange(min=0), help="The most that may be spent, earlier runs included.")
@click.option("--input-usd-per-mtok", type=click.FloatRange(min=0), help="Price (default: the catalogue's).")
@click.option("--output-usd-per-mtok", type=click.FloatRange(min=0), help="Price (default: the catalogue's).")
@click.option("--key-env", metavar="NAME", help="Environment variable that holds the key (OPENAI_API_KEY).")
@click.option("--column", metavar="COLUMN", help="The column of the prompts (detected).")
@click.option("--system", metavar="TEXT", help="Instructions put before prompts that have none.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=512, help="Longest answer (512).")
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, help="Sampling temperature (0).")
@click.option("--parallel", type=click.IntRange(1, 64), default=4, help="Requests at a time (4).")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first so many prompts.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write (in a project: in data/).")
@wanted_options
@common_options
def command(
    options: Options,
    logs: str | None,
    requests: Path | None,
    teacher: str | None,
    out: Path | None,
    **rest: Any,
) -> int:
    """Collect examples. What a model wrote is marked machine-made and has to pass a review."""
    if (logs is None) == (teacher is None):
        raise UsageError("say where from", fix="--logs FILE, or --teacher URL with --prompts, --model and --budget-usd")
    if logs is not None:
        return _from_logs(options, logs, requests, out or _default_out(options.project, "collected.jsonl"))
    return _from_teacher(options, str(teacher), out or _default_out(options.project, "distilled.jsonl"), **rest)


def _default_out(project: Path, name: str) -> Path:
    return project / "data" / name if is_project(project) else Path(name)


def _from_logs(options: Options, logs: str, requests: Path | None, out: Path) -> int:
    from trainers.data.collect.logs import read_logs
    from trainers.data.findings import Problem
    from trainers.data.output import Output, row_line

    left_out: Counter[str] = Counter()
    skipped = out.with_name(out.name.removesuffix(".jsonl") + ".skipped.jsonl")
    names: set[str] = set()
    with Output(out) as rows, Output(skipped) as rest:
        for line, found in read_logs(logs, requests):
            if isinstance(found, Problem):
                left_out[found.code] += 1
                rest.write(row_line({"line": line, "reason": found.code, "text": found.text}))
                continue
            name = found.id if found.id not in names else f"line-{line}"
            names.add(str(name))
            rows.write(row_line(replace(found, id=name).row()))
        if not rows.rows:
            detail = ", ".join(f"{code} {count}" for code, count in left_out.items()) or "the file is empty"
            raise CouldNotError(f"no example in it: {detail}", where=logs)
        written, _ = rows.finish(), rest.finish()
    if options.json:
        emit_json({"v": 1, "out": str(out), "rows": written.rows, "skipped": dict(left_out), "list": str(skipped)})
    else:
        emit(f"{written.rows:,} examples written to {out}, marked machine-made")
        detail = ", ".join(f"{code} {count}" for code, count in left_out.most_common())
        emit(f"{left_out.total():,} calls left out{f' ({detail})' if detail else ''}, listed in {skipped}")
    _send_to_review(options, out)
    return 0


def _from_teacher(
    options: Options,
    url: str,
    out: Path,
    *,
    prompts: str | None,
    model: str | None,
    budget_usd: float | None,
    input_usd_per_mtok: float | None,
    output_usd_per_mtok: float | None,
    key_env: str | None,
    **rest: Any,
) -> int:
    from trainers.data.collect.teacher import TeacherRequest, distil

    missing = [
        flag
        for flag, value in (("--prompts FILE", prompts), ("--model NAME", model), ("--budget-usd N", budget_usd))
        if value is None
    ]
    if missing or prompts is None or model is None or budget_usd is None:
        raise UsageError(f"a teacher also needs {', '.join(missing)}")
    _refuse_forbidden(options.project)
    price = _price(options, model, input_usd_per_mtok, output_usd_per_mtok)
    request = TeacherRequest(
        file=prompts,
        out=out,
        base_url=url,
        model=model,
        price=price,
        budget_usd=budget_usd,
        key_variable=key_env,
        **rest,
    )
    _confirm(options, request)
    tally = distil(request, progress=lambda now: talk(f"{now.answered} answered, ${now.spent_usd:.4f} spent"))
    if options.json:
        emit_json({"v": 1, "out": str(out)} | asdict(tally))
    else:
        _print(tally, out)
    if tally.left == 0 and tally.answered + tally.already:
        _send_to_review(options, out)
    return 1 if tally.left or tally.failed else 0


def _refuse_forbidden(project: Path) -> None:
    """The project's own answer on teachers stands."""
    if is_project(project):
        allowed = Project.open(project).answers().get("data.teacher_allowed")
        if allowed is not None and allowed.value is False:
            raise UsageError(
                "this project says that a large model may not write examples (data.teacher_allowed)",
                fix="change that answer first, when its terms and your data rules allow it",
            )


def _price(options: Options, model: str, input_usd: float | None, output_usd: float | None) -> "Price":
    from trainers.data.collect.budget import Price

    known = _catalogue_price(options, model, options.today)
    paid = (input_usd if input_usd is not None else known[0], output_usd if output_usd is not None else known[1])
    if paid[0] is None or paid[1] is None:
        raise UsageError(
            f"the price of {model!r} is not in the catalogue, so a budget cannot be kept",
            fix="give --input-usd-per-mtok and --output-usd-per-mtok (0 for a server of your own)",
        )
    return Price(paid[0], paid[1])


def _catalogue_price(options: Options, model: str, today: date) -> tuple[float | None, float | None]:
    """The dearest of the offers in force: a budget must hold whoever serves the model."""
    from pricing.catalogue import load_catalogue

    catalogue = Project.open(options.project).catalogue if is_project(options.project) else load_catalogue()
    found = catalogue.models.get(model)
    offers = [offer for offer in found.offers if offer.available(today)] if found else []
    dearest = []
    for name in ("input_usd_per_mtok", "output_usd_per_mtok"):
        values = [value.number for offer in offers if (value := offer.price(name, on=today)) is not None]
        dearest.append(max(values, default=None))
    return dearest[0], dearest[1]


def _confirm(options: Options, request: "TeacherRequest") -> None:
    price = request.price
    talk(
        f"{request.model} at {request.base_url}: ${price.input_usd_per_mtok:g} in, ${price.output_usd_per_mtok:g} out"
        f" per million tokens; at most ${request.budget_usd:g} in all"
    )
    if options.yes or request.budget_usd == 0:
        return
    if not interactive():
        raise UsageError("this spends money and nobody is there to confirm it", fix="--yes")
    click.confirm("go on?", abort=True, err=True)


def _print(tally: "Tally", out: Path) -> None:
    emit(f"{tally.answered:,} answers written to {out}, marked machine-made; {tally.already:,} were there already")
    if tally.invalid:
        emit(f"{tally.invalid:,} answers were cut off or not of the wanted form; see the .invalid.jsonl beside it")
    if tally.failed or tally.left:
        why = f": {tally.stopped}" if tally.stopped else ""
        emit(f"{tally.failed:,} prompts failed, {tally.left:,} were not asked{why}")
    emit(f"${tally.spent_usd:.4f} spent in all")


def _send_to_review(options: Options, out: Path) -> None:
    """Draw the sample that an expert has to look at."""
    from trainers.data.frozen import sha256_of_file
    from trainers.data.review.session import Review, ReviewRequest, review_folder, start

    if not is_project(options.project):
        talk(f"have a sample of them reviewed before training: advisor data review {out} --project DIR")
        return
    folder = review_folder(Project.open(options.project).data_folder, str(out))
    before = Review.open(folder, now=_now)
    changed = before is not None and before.record.sha256 != sha256_of_file(out)
    review = start(ReviewRequest(str(out), again=changed, go_on=True), folder, now=_now)
    talk(f"sent to review: {len(review.items)} sampled rows wait. advisor data review {out}")


def _now() -> datetime:
    return datetime.now(UTC)
