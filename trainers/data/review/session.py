"""Draw a sample, walk a reviewer through it, and say what it proves. The faces (plain, TUI, CSV) share this."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

from advisor.base.errors import CouldNotError, InvalidDataError, UsageError
from advisor.base.files import dump_json, read_jsonl, replace_file
from trainers.data.check import open_mapped, usable_problem
from trainers.data.conversation import Conversation
from trainers.data.formats import RowMapping
from trainers.data.frozen import sha256_of_file
from trainers.data.output import Output, Written, row_line
from trainers.data.outputs import Shape, labels_of
from trainers.data.review.agreement import Agreement, agreement
from trainers.data.review.record import (
    PLAN_FILE,
    SAMPLE_FILE,
    PlanRecord,
    Saying,
    Verdict,
    append_saying,
    read_plan,
    read_sayings,
)
from trainers.data.review.sampling import (
    CONFIDENCE,
    QUALITY,
    Plan,
    Quality,
    acceptance_plan,
    quality_of,
    ten_percent_plan,
)
from trainers.data.source import Source

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """What to review, and to what standard."""

    file: str
    maps: tuple[str, ...] = ()
    system: str | None = None
    split: str | None = None
    quality: float = QUALITY
    confidence: float = CONFIDENCE
    allowed_bad: int | None = None
    ten_percent: bool = False
    seed: int = 0
    again: bool = False
    """Draw a new sample although there is one; the old one is kept beside it."""
    go_on: bool = False
    """No standard was named: a review under way goes on to its own."""


@dataclass(frozen=True, slots=True)
class Item:
    """One sampled row as a reviewer sees it."""

    number: int
    """1-based place in the sample."""
    id: str
    line: int
    stratum: str
    instructions: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a review stands."""

    plan: Plan
    reviewed: int
    bad: int
    quality: Quality | None
    outcome: str
    """open, proven, not_proven (too many bad), or unprovable (passed a plan that is too weak to prove anything)."""
    by_reviewer: Mapping[str, int]
    agreement: tuple[Agreement, ...]

    @property
    def advice(self) -> str:
        """One sentence."""
        wanted = f"{self.plan.quality:.0%}"
        match self.outcome:
            case "proven":
                return f"at least {wanted} of the rows are right (confidence {self.plan.confidence:.0%}): train on them"
            case "not_proven":
                return (
                    f"{self.bad} bad rows are too many for {wanted}: clean the data before training, then review again"
                )
            case "unprovable":
                return f"the sample looks good, but it is too small to prove {wanted}: do not count on it"
            case _:
                return f"{self.plan.sample - self.reviewed} rows to go; do not train before"

    def to_json(self) -> dict[str, Any]:
        return {
            "plan": asdict(self.plan) | {"proves": self.plan.proves},
            "reviewed": self.reviewed,
            "bad": self.bad,
            "quality": asdict(self.quality) if self.quality else None,
            "outcome": self.outcome,
            "advice": self.advice,
            "by_reviewer": dict(self.by_reviewer),
            "agreement": [asdict(each) for each in self.agreement],
        }


class Review:
    """A review in its folder."""

    def __init__(self, folder: Path, record: PlanRecord, items: Sequence[Item], *, now: Clock) -> None:
        self.folder = folder
        self.record = record
        self.items = tuple(items)
        self._by_id = {item.id: item for item in items}
        self._now = now

    @classmethod
    def open(cls, folder: Path, *, now: Clock) -> Review | None:
        """The review in `folder`; None when there is none."""
        record = read_plan(folder)
        if record is None:
            return None
        path = folder / SAMPLE_FILE
        try:
            items = [Item(**{key: value[key] for key in Item.__slots__}) for _, value in read_jsonl(path)]
        except (KeyError, TypeError):
            raise InvalidDataError("not a sample of a review", where=str(path), fix="restore it from git") from None
        return cls(folder, record, items, now=now)

    def latest(self) -> dict[tuple[str, str], Saying]:
        """(reviewer, row id) -> the verdict that counts."""
        return {
            (saying.reviewer, saying.id): saying for saying in read_sayings(self.folder) if saying.id in self._by_id
        }

    def waiting(self, reviewer: str) -> list[Item]:
        """The rows that this reviewer has not judged, in the order of the sample."""
        done = {row for name, row in self.latest() if name == reviewer}
        return [item for item in self.items if item.id not in done]

    def say(
        self, reviewer: str, row: str, verdict: Verdict, *, comment: str | None = None, answer: str | None = None
    ) -> None:
        """Record a verdict. Raises `UsageError` for an unknown row, or a correction without a new answer."""
        item = self._by_id.get(row)
        if item is None:
            raise UsageError(f"the row {row!r} is not in the sample", where=str(self.folder / SAMPLE_FILE))
        if verdict == Verdict.CORRECT and (answer is None or not answer.strip()):
            raise UsageError("a correction needs the right answer", where=row)
        if verdict == Verdict.CORRECT and answer == item.answer:
            raise UsageError("the corrected answer is the one that is there: accept it", where=row)
        at = self._now().isoformat(timespec="seconds")
        kept = answer if verdict == Verdict.CORRECT else None
        append_saying(
            self.folder,
            Saying(at=at, reviewer=reviewer, id=row, verdict=verdict, comment=comment or None, answer=kept),
        )

    def standing(self) -> Standing:
        """What the verdicts so far prove. A row that any reviewer found bad counts as bad."""
        latest = self.latest()
        good: dict[str, bool] = {}
        for (_, row), saying in latest.items():
            good[row] = good.get(row, True) and saying.verdict == Verdict.ACCEPT
        plan, reviewed, bad = self.record.plan(), len(good), sum(not fine for fine in good.values())
        return Standing(
            plan=plan,
            reviewed=reviewed,
            bad=bad,
            quality=quality_of(plan.rows, reviewed, bad, plan.confidence) if reviewed else None,
            outcome=_outcome(plan, reviewed, bad),
            by_reviewer=Counter(name for name, _ in latest),
            agreement=tuple(_agreements(latest)),
        )


def _outcome(plan: Plan, reviewed: int, bad: int) -> str:
    if bad > plan.allowed_bad:
        return "not_proven"
    if reviewed < plan.sample:
        return "open"
    return "proven" if plan.proves else "unprovable"


def _agreements(latest: Mapping[tuple[str, str], Saying]) -> Iterator[Agreement]:
    by_reviewer: dict[str, dict[str, bool]] = {}
    for (name, row), saying in latest.items():
        by_reviewer.setdefault(name, {})[row] = saying.verdict == Verdict.ACCEPT
    for first, second in combinations(sorted(by_reviewer), 2):
        a, b = by_reviewer[first], by_reviewer[second]
        found = agreement(first, second, [(row, a[row], b[row]) for row in a if row in b])
        if found:
            yield found


def review_folder(data: Path, file: str) -> Path:
    """`data/review/<name of the file>`."""
    return data / "review" / Path(file).name.split(".")[0]


def start(request: ReviewRequest, folder: Path, *, now: Clock) -> Review:
    """The review of the file: the one that is under way, or a new one with a sample drawn now.

    Raises `UsageError` when the file changed or other standards are asked for while a review is under way.
    """
    there = Review.open(folder, now=now)
    source, mapping = open_mapped(request.file, request.maps, system=request.system, split=request.split)
    digest = sha256_of_file(source.path) if source.path is not None and source.path.is_file() else request.file
    if there is not None and not request.again:
        _refuse_other(there.record, request, digest)
        return there
    rows, strata = _strata(source, mapping, request.file)
    plan = _plan(request, len(rows))
    chosen = _draw(rows, strata, plan.sample, request.seed)
    if there is not None:
        _set_aside(folder)
    return _create(request, folder, source, mapping, digest, plan, chosen, strata, now)


def _refuse_other(record: PlanRecord, request: ReviewRequest, digest: str) -> None:
    fix = "draw a new sample: --again (what was reviewed is kept in a folder beside it)"
    if record.sha256 != digest:
        raise UsageError("the file changed since its sample was drawn", where=request.file, fix=fix)
    if request.go_on:
        return
    wanted = _plan(request, record.rows)
    if (wanted.sample, wanted.allowed_bad, request.seed) != (record.sample, record.allowed_bad, record.seed):
        raise UsageError(
            f"a review of {record.sample} rows with {record.allowed_bad} bad allowed is under way",
            where=request.file,
            fix=f"go on with the same options, or {fix}",
        )


def _plan(request: ReviewRequest, rows: int) -> Plan:
    if request.ten_percent:
        return ten_percent_plan(rows, quality=request.quality, confidence=request.confidence)
    return acceptance_plan(
        rows, quality=request.quality, confidence=request.confidence, allowed_bad=request.allowed_bad
    )


def _strata(source: Source, mapping: RowMapping, file: str) -> tuple[list[int], list[str]]:
    """Lines of the usable rows, and the stratum of each: its label, or the length of its answer."""
    shape = Shape()
    lines: list[int] = []
    lengths: list[int] = []
    for row in usable_rows(source, mapping):
        shape.add(row.line, row.answer)
        lines.append(row.line)
        lengths.append(len(row.answer))
    if not lines:
        raise CouldNotError("no row can be reviewed", where=file, fix="see: advisor data check")
    fields = shape.label_fields()
    field = min(fields, key=lambda name: abs(len(fields[name]) - 8), default=None)
    if field is not None:
        rows = usable_rows(source, mapping)
        return lines, [labels_of(row.answer, [field]).get(field, "other") for row in rows]
    ordered = sorted(lengths)
    low, high = ordered[len(ordered) // 3], ordered[2 * len(ordered) // 3]
    return lines, ["short" if n <= low else "long" if n > high else "middling" for n in lengths]


def usable_rows(source: Source, mapping: RowMapping) -> Iterator[Conversation]:
    """The rows that can be trained on."""
    for line, value in source.rows():
        row = mapping.convert(line, value)
        if isinstance(row, Conversation) and usable_problem(row) is None:
            yield row


def _draw(lines: Sequence[int], strata: Sequence[str], size: int, seed: int) -> list[int]:
    """Lines of a stratified sample in random order: each stratum by its share, the rest by largest remainder."""
    members: dict[str, list[int]] = {}
    for line, stratum in zip(lines, strata, strict=True):
        members.setdefault(stratum, []).append(line)
    exact = {name: size * len(found) / len(lines) for name, found in members.items()}
    counts = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (counts[name] - exact[name], name))
    for name in by_remainder[: size - sum(counts.values())]:
        counts[name] += 1
    chosen = [line for name, found in members.items() for line in _shuffled(found, seed)[: counts[name]]]
    return _shuffled(chosen, seed + 1)


def _shuffled(lines: Sequence[int], seed: int) -> list[int]:
    """In an order that only the lines and the seed decide."""
    return sorted(lines, key=lambda line: hashlib.sha256(f"review/{seed}/{line}".encode()).digest())


def _set_aside(folder: Path) -> None:
    number = 1
    while (older := folder.with_name(f"{folder.name}-{number:02d}")).exists():
        number += 1
    folder.rename(older)


def _create(
    request: ReviewRequest,
    folder: Path,
    source: Source,
    mapping: RowMapping,
    digest: str,
    plan: Plan,
    chosen: Sequence[int],
    strata: Sequence[str],
    now: Clock,
) -> Review:
    place = {line: number for number, line in enumerate(chosen, start=1)}
    items: list[Item] = []
    names: set[str] = set()
    for row, stratum in zip(usable_rows(source, mapping), strata, strict=True):
        if row.line not in place:
            continue
        name = row.id if row.id is not None and row.id not in names else f"line-{row.line}"
        names.add(name)
        items.append(Item(place[row.line], name, row.line, stratum, row.instructions, row.question, row.answer))
    items.sort(key=lambda item: item.number)
    record = PlanRecord(
        created=now().isoformat(timespec="seconds"),
        file=request.file,
        sha256=digest,
        mapping=mapping.to_json(),
        rows=plan.rows,
        sample=plan.sample,
        allowed_bad=plan.allowed_bad,
        quality=plan.quality,
        confidence=plan.confidence,
        kind=plan.kind,
        seed=request.seed,
        strata=dict(Counter(item.stratum for item in items).most_common()),
    )
    # The plan comes last: a folder without it is no review.
    replace_file(folder / SAMPLE_FILE, "".join(dump_json(asdict(item)) + "\n" for item in items))
    replace_file(folder / PLAN_FILE, dump_json(record.model_dump(mode="json"), indent=2) + "\n")
    return Review(folder, record, items, now=now)


def apply(review: Review, file: str, out: Path, *, maps: Sequence[str] = (), system: str | None = None) -> Written:
    """Write the rows of `file` with corrected answers put in and rejected rows left out.

    When the review proved the quality, every row is marked as reviewed (`metadata.reviewed`). Raises `UsageError` when
    the file is not the one that was reviewed.
    """
    source, mapping = open_mapped(file, maps, system=system)
    if source.path is None or not source.path.is_file() or sha256_of_file(source.path) != review.record.sha256:
        raise UsageError("this is not the file that was reviewed", where=file, fix=f"it was {review.record.file}")
    if out.exists() and out.samefile(source.path):
        raise UsageError("the output would replace the reviewed file", where=str(out), fix="name another file")
    standing = review.standing()
    note = {"reviewed": f"{standing.reviewed} sampled, {standing.bad} bad"} if standing.outcome == "proven" else {}
    said = _by_line(review)
    with Output(out) as output:
        for row in usable_rows(source, mapping):
            saying = said.get(row.line)
            if saying is not None and saying.verdict == Verdict.REJECT:
                continue
            made = row.row()
            if saying is not None and saying.answer is not None:
                made["messages"][-1] = {**made["messages"][-1], "content": saying.answer}
            if note or saying is not None:
                made["metadata"] = {**made.get("metadata", {}), **(note or {"reviewed": saying and saying.reviewer})}
            output.write(row_line(made))
        return output.finish()


def _by_line(review: Review) -> dict[int, Saying]:
    """line -> the verdict to act on: a rejection before a correction before an acceptance."""
    weight = {Verdict.ACCEPT: 0, Verdict.CORRECT: 1, Verdict.REJECT: 2}
    found: dict[str, Saying] = {}
    for (_, row), saying in review.latest().items():
        if row not in found or weight[saying.verdict] >= weight[found[row].verdict]:
            found[row] = saying
    return {item.line: found[item.id] for item in review.items if item.id in found}
