"""One look at each row: all that the checks need to know of it, in a few numbers, and what is wrong with it alone.

A chunk is digested on its own, so that several processes can share a large file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trainers.data.conversation import Conversation, normalised
from trainers.data.findings import Problem, Tallies
from trainers.data.formats import RowMapping
from trainers.data.lines import Chunk
from trainers.data.outputs import Shape, Wanted
from trainers.data.personal import hits, masked
from trainers.data.sketch import Words, hash64, word_hashes
from trainers.data.structure import look

if TYPE_CHECKING:
    import numpy as np

_SAMPLE_CHARS = 2000
COLUMNS = ("question", "key", "answer", "group", "id")


@dataclass(frozen=True, slots=True)
class Frame:
    """Text that every question begins and ends with: it would make all rows look alike, so it is not compared."""

    prefix: str = ""
    suffix: str = ""

    @classmethod
    def of(cls, questions: Sequence[str]) -> Frame:
        """The frame that the given questions share; none when they are few, alike or the shared part is short."""
        texts = sorted(set(questions))
        if len(texts) < 5:
            return cls()
        prefix = _shared_start(texts[0], texts[-1])
        reverse = sorted(text[len(prefix) :][::-1] for text in texts)
        suffix = _shared_start(reverse[0], reverse[-1])[::-1]
        return cls(prefix if len(prefix) >= 20 else "", suffix if len(suffix) >= 20 else "")

    def strip(self, text: str) -> str:
        """The part of a question that differs from row to row; the whole of it when nothing else is left."""
        inner = text.removeprefix(self.prefix).removesuffix(self.suffix)
        return inner if inner.strip() else text


def _shared_start(one: str, other: str) -> str:
    length = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:length]


@dataclass(frozen=True, slots=True)
class Job:
    """What to look for; sent to each worker process once."""

    mapping: RowMapping
    wanted: Wanted = field(default_factory=Wanted)
    frame: Frame = field(default_factory=Frame)
    full: bool = True
    """False: hashes and sketches only (for comparing two files)."""
    sample_below: int = 0
    """Rows whose question hash is below this are kept as sample."""
    ngrams: np.ndarray | None = None
    """Sorted hashes of word runs of the test set, to be looked for."""
    keep_ngrams: bool = False


@dataclass(slots=True)
class Digest:
    """What is known of some rows. Arrays have one value a usable row."""

    rows: int = 0
    lines: list[np.ndarray] = field(default_factory=list)
    columns: dict[str, list[np.ndarray]] = field(default_factory=lambda: {name: [] for name in COLUMNS})
    chars: list[np.ndarray] = field(default_factory=list)
    sketches: list[np.ndarray] = field(default_factory=list)
    tallies: Tallies = field(default_factory=Tallies)
    shape: Shape = field(default_factory=Shape)
    sample: list[tuple[int, int, str, str]] = field(default_factory=list)
    """(question hash, line, question, answer)."""
    ngrams_seen: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    """(index in `Job.ngrams`, line) of word runs of the test set."""
    ngrams: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    """(hash, line) of this file's own word runs."""


def digest_chunk(chunk: Chunk, job: Job) -> Digest:
    """Parse and look at every row of one chunk."""
    import numpy as np

    found = Digest()
    words: list[list[int]] = []
    lines: list[int] = []
    hashes: list[tuple[int, ...]] = []
    chars: list[tuple[int, int]] = []
    for line, value in chunk.parse():
        found.rows += 1
        row = job.mapping.convert(line, value)
        if isinstance(row, Problem):
            found.tallies.add(row.code, line, row.text)
            continue
        if not _examine(row, job, found):
            continue
        question, answer = row.question, row.answer
        compared = normalised(job.frame.strip(question)) or normalised(answer)
        question_hash = hash64(compared)
        lines.append(line)
        hashes.append(_hashes(row, question_hash, answer))
        chars.append((len(question), len(answer)))
        words.append(word_hashes(compared))
        if job.full:
            found.shape.add(line, answer)
            if question_hash < job.sample_below:
                found.sample.append((question_hash, line, compared[:_SAMPLE_CHARS], answer[:_SAMPLE_CHARS]))
    found.lines.append(np.array(lines, dtype=np.uint32))
    found.chars.append(np.array(chars, dtype=np.uint32).reshape(-1, 2))
    table = np.array(hashes, dtype=np.uint64).reshape(-1, len(COLUMNS))
    for index, name in enumerate(COLUMNS):
        found.columns[name].append(table[:, index].copy())
    together = Words.of(words)
    found.sketches.append(together.sketches())
    _word_runs(together, np.array(lines, dtype=np.uint32), job, found)
    return found


def _hashes(row: Conversation, question_hash: int, answer: str) -> tuple[int, ...]:
    """The columns of a row: 0 where it has no group or id."""
    key = hash64(f"{question_hash}\n{normalised(row.instructions)}")
    group = hash64(row.group) if row.group is not None else 0
    return question_hash, key, hash64(normalised(answer)), group, hash64(row.id) if row.id is not None else 0


def _examine(row: Conversation, job: Job, found: Digest) -> bool:
    """Note what is wrong with one row; whether it can be used."""
    usable = True
    for problem in look(row):
        if job.full:
            found.tallies.add(problem.code, row.line, problem.text)
        usable = usable and not problem.dropped
    if not usable or not job.full:
        return usable
    invalid = job.wanted.problem(row.answer)
    if invalid is not None:
        found.tallies.add(invalid.code, row.line, invalid.text)
    if row.machine_made:
        found.tallies.add("machine_made", row.line)
    _personal(row, found)
    return True


def _personal(row: Conversation, found: Digest) -> None:
    text = row.question + "\n" + row.answer
    secret = personal = False
    for hit in hits(text):
        new = not secret if hit.secret else not personal
        if new:
            around = masked(text[max(hit.start - 40, 0) : hit.end + 40])
            found.tallies.add("secrets" if hit.secret else "personal_data", row.line, f"{hit.kind}: {around}")
        secret, personal = secret or hit.secret, personal or not hit.secret


def _word_runs(words: Words, lines: np.ndarray, job: Job, found: Digest) -> None:
    """Runs of words: this file's own, and those that the test set has as well."""
    import numpy as np

    if job.ngrams is None and not job.keep_ngrams:
        return
    hashes, owner = words.ngrams()
    if job.keep_ngrams:
        found.ngrams.append((hashes, lines[owner]))
    if job.ngrams is not None and len(job.ngrams):
        at = np.searchsorted(job.ngrams, hashes)
        at[at == len(job.ngrams)] = 0
        hit = job.ngrams[at] == hashes
        index, first = np.unique(at[hit], return_index=True)
        found.ngrams_seen.append((index, lines[owner[hit][first]]))
