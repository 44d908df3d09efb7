"""All rows of a source as arrays: digested chunk by chunk, by several processes when the source is large.

Memory: about 220 bytes a row; its sketch of 480 bytes lies in a temporary file.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from advisor.base.errors import CouldNotError
from trainers.data.digest import COLUMNS, Digest, Job, digest_chunk
from trainers.data.findings import Tallies
from trainers.data.outputs import Shape
from trainers.data.pool import map_ordered, workers_for
from trainers.data.sketch import PERMUTATIONS, band_keys
from trainers.data.source import Source

if TYPE_CHECKING:
    import numpy as np

SAMPLE_ROWS = 4_000
"""Rows whose text is kept to look for label errors."""

Progress = Callable[[int], None]


class SketchFile:
    """Sketches of all rows in a temporary file without a name; it is closed when nothing refers to it any more."""

    def __init__(self) -> None:
        self._handle, name = tempfile.mkstemp(prefix="advisor-sketches-")
        os.unlink(name)
        weakref.finalize(self, os.close, self._handle)

    def append(self, sketches: np.ndarray) -> None:
        """Add rows. Raises `CouldNotError` when the disk is full."""
        data = memoryview(sketches.tobytes())
        try:
            while data:
                data = data[os.write(self._handle, data) :]
        except OSError as error:
            raise CouldNotError(
                f"the temporary file cannot be written: {error.strerror}", fix="free some space or set TMPDIR"
            ) from None

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The sketches of the given rows, in that order."""
        import numpy as np

        size = 4 * PERMUTATIONS
        parts = b"".join(os.pread(self._handle, size, int(row) * size) for row in rows)
        return np.frombuffer(parts, dtype=np.uint32).reshape(-1, PERMUTATIONS)


@dataclass(frozen=True, slots=True)
class SketchView:
    """Some rows of a sketch file."""

    file: SketchFile | SketchView
    index: np.ndarray

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The sketches of the given rows of this view."""
        return self.file.read(self.index[rows])


@dataclass(slots=True)
class Table:
    """All usable rows of a source: one value a row in each array, and what was noted on the way."""

    rows: int
    lines: np.ndarray
    question: np.ndarray
    key: np.ndarray
    answer: np.ndarray
    group: np.ndarray
    id: np.ndarray
    chars: np.ndarray
    bands: np.ndarray
    sketches: SketchFile | SketchView
    tallies: Tallies
    shape: Shape
    sample: list[tuple[int, str, str]]
    """(line, question, answer)."""
    ngram_lines: np.ndarray | None
    """For each of `Job.ngrams` the first line that has it, 0 for none."""
    ngrams: tuple[np.ndarray, np.ndarray] | None

    @property
    def usable(self) -> int:
        return len(self.lines)

    def take(self, rows: np.ndarray) -> Table:
        """The table of some of the rows (row numbers), without what was noted of word runs."""
        return replace(
            self,
            lines=self.lines[rows],
            question=self.question[rows],
            key=self.key[rows],
            answer=self.answer[rows],
            group=self.group[rows],
            id=self.id[rows],
            chars=self.chars[rows],
            bands=self.bands[rows],
            sketches=SketchView(self.sketches, rows),
            ngram_lines=None,
            ngrams=None,
        )


def read_table(source: Source, job: Job, *, workers: int | None = None, progress: Progress | None = None) -> Table:
    """Digest all rows of a source. `workers` processes share a large one (default: one a core, at most four)."""
    whole, file = Digest(), SketchFile()
    bands: list[np.ndarray] = []
    for part in map_ordered(digest_chunk, source.chunks(), job, workers_for(source, workers)):
        for sketches in part.sketches:
            file.append(sketches)
            bands.append(band_keys(sketches))
        _merge(whole, part)
        if progress:
            progress(whole.rows)
    return _table(whole, job, bands, file)


def _merge(whole: Digest, part: Digest) -> None:
    whole.rows += part.rows
    whole.lines += part.lines
    whole.chars += part.chars
    for name in COLUMNS:
        whole.columns[name] += part.columns[name]
    whole.tallies.merge(part.tallies)
    whole.shape.merge(part.shape)
    whole.sample += part.sample
    whole.ngrams_seen += part.ngrams_seen
    whole.ngrams += part.ngrams


def _table(whole: Digest, job: Job, bands: list[np.ndarray], file: SketchFile) -> Table:
    import numpy as np

    def joined(parts: list[np.ndarray], shape: tuple[int, ...], dtype: type) -> np.ndarray:
        return np.concatenate(parts) if parts else np.zeros(shape, dtype=dtype)

    hashes = {name: joined(parts, (0,), np.uint64) for name, parts in whole.columns.items()}
    whole.columns.clear()
    keys = joined(bands, (0, 1), np.uint64)
    bands.clear()
    return Table(
        rows=whole.rows,
        lines=joined(whole.lines, (0,), np.uint32),
        chars=joined(whole.chars, (0, 2), np.uint32),
        bands=keys,
        sketches=file,
        tallies=whole.tallies,
        shape=whole.shape,
        sample=[(line, question, answer) for _, line, question, answer in sorted(whole.sample)[:SAMPLE_ROWS]],
        ngram_lines=_first_lines(whole, job),
        ngrams=_own_ngrams(whole),
        **hashes,
    )


def _first_lines(whole: Digest, job: Job) -> np.ndarray | None:
    import numpy as np

    if job.ngrams is None:
        return None
    found = np.zeros(len(job.ngrams), dtype=np.uint32)
    for index, lines in reversed(whole.ngrams_seen):
        found[index] = lines
    return found


def _own_ngrams(whole: Digest) -> tuple[np.ndarray, np.ndarray] | None:
    import numpy as np

    if not whole.ngrams:
        return None
    return np.concatenate([hashes for hashes, _ in whole.ngrams]), np.concatenate([lines for _, lines in whole.ngrams])
