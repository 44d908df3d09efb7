"""A review as a table for people without the tool: export to CSV, import of what they filled in."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from advisor.base.errors import InvalidDataError
from advisor.base.files import read_text, replace_file
from trainers.data.review.record import Verdict
from trainers.data.review.session import Review

COLUMNS = ("id", "question", "answer", "verdict", "corrected_answer", "comment")
_WORDS = {
    "accept": Verdict.ACCEPT, "accepted": Verdict.ACCEPT, "a": Verdict.ACCEPT, "ok": Verdict.ACCEPT,
    "good": Verdict.ACCEPT,
    "reject": Verdict.REJECT, "rejected": Verdict.REJECT, "r": Verdict.REJECT, "bad": Verdict.REJECT,
    "correct": Verdict.CORRECT, "corrected": Verdict.CORRECT, "c": Verdict.CORRECT,
}  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_sheet(review: Review, path: Path, reviewer: str) -> int:
    """Write the rows that `reviewer` has not judged; the number of rows. Spreadsheets get no formulas."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    waiting = review.waiting(reviewer)
    for item in waiting:
        writer.writerow([item.id, _harmless(item.question), _harmless(item.answer), "", "", ""])
    # Spreadsheet programs take a CSV file for UTF-8 only when it starts with the mark.
    replace_file(path, "\ufeff" + stream.getvalue())
    return len(waiting)


def _harmless(text: str) -> str:
    """Text that a spreadsheet would run as a formula gets a quote in front."""
    return "'" + text if text.startswith(_FORMULA) else text


@dataclass(frozen=True, slots=True)
class _Filled:
    row: str
    verdict: Verdict
    answer: str | None
    comment: str | None


def import_sheet(review: Review, path: Path, reviewer: str) -> int:
    """Record the verdicts of a filled-in sheet; the number of them. Rows without a verdict are left open.

    Nothing is recorded when anything in the sheet is wrong: raises `InvalidDataError` with the line.
    """
    filled = list(_read(review, path))
    for each in filled:
        review.say(reviewer, each.row, each.verdict, comment=each.comment, answer=each.answer)
    return len(filled)


def _read(review: Review, path: Path) -> list[_Filled]:
    text = read_text(path)
    head = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=head.count), strict=True)
    missing = {"id", "verdict"} - set(reader.fieldnames or ())
    if missing:
        raise InvalidDataError(
            f"there is no column {min(missing)!r}", where=f"{path}:1", fix=f"the columns are {', '.join(COLUMNS)}"
        )
    known = {item.id: item for item in review.items}
    found: list[_Filled] = []
    try:
        for row in reader:
            where = f"{path}:{reader.line_num}"
            word = (row.get("verdict") or "").strip().lower()
            if not word:
                continue
            if row["id"] not in known:
                raise InvalidDataError(f"the id {row['id']!r} is not in the sample", where=where)
            if word not in _WORDS:
                raise InvalidDataError(f"{word!r} is no verdict", where=where, fix="write accept, reject or correct")
            answer = _plain(row.get("corrected_answer"))
            if _WORDS[word] == Verdict.CORRECT and not answer:
                raise InvalidDataError("a correction needs the right answer", where=where, fix="fill corrected_answer")
            if _WORDS[word] == Verdict.CORRECT and answer == known[row["id"]].answer:
                raise InvalidDataError("the corrected answer is the one that is there", where=where, fix="accept it")
            found.append(_Filled(row["id"], _WORDS[word], answer, (row.get("comment") or "").strip() or None))
    except csv.Error as error:
        raise InvalidDataError(f"not valid CSV: {error}", where=f"{path}:{reader.line_num}") from None
    return found


def _plain(text: str | None) -> str | None:
    """The text without the quote that keeps a spreadsheet from running it."""
    if not text or not text.strip():
        return None
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text
