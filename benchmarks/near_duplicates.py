"""Near-duplicate search beside text-dedup's MinHash: the same texts, the same settings, seconds, recall, false alarms.

    python -m venv /tmp/peer && /tmp/peer/bin/pip install text-dedup
    python benchmarks/near_duplicates.py --peer /tmp/peer/bin/python --rows 100000

A tenth of the texts (100 words) are copies of others with one to four words changed, so that the Jaccard similarity of
their word pairs is 0.85 to 0.96, above the threshold of 0.8 of both. Recall is the share of the pairs of which one text
is dropped (text-dedup drops the original); false alarms are all other texts that are dropped. Ours is the whole of
`advisor data prepare --near drop` (reading, checking, cleaning, writing), text-dedup's the whole of its command. CPU
seconds say more than seconds where other programs run.

With the same 20 bands text-dedup finds a little more: it does not compare the values of texts that share a band, as we
do. `--peer-bands 8` gives it fewer values to compute, and a recall near ours.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from data_speed import Run, measured, words

WORDS = 100


def make(count: int, path: Path) -> dict[str, str]:
    """Write the rows; id of each copy -> id of its original."""
    rng = random.Random(11)
    text = words(rng, count * WORDS)
    copies: dict[str, str] = {}
    originals: list[tuple[str, list[str]]] = []
    with open(path, "w", encoding="utf-8") as stream:
        for number in range(count):
            if originals and rng.random() < 0.1:
                original, parts = originals.pop(rng.randrange(len(originals)))
                for at in rng.sample(range(WORDS), rng.randint(1, 4)):
                    parts[at] = f"changed{number}"
                copies[f"r{number}"] = original
            else:
                # No two originals share a stretch of text, so that only the copies are near duplicates.
                parts = text[number * WORDS : (number + 1) * WORDS]
                originals.append((f"r{number}", list(parts)))
            stream.write(json.dumps({"id": f"r{number}", "text": " ".join(parts), "label": f"l{number % 7}"}) + "\n")
    return copies


def ours(rows: Path, folder: Path) -> tuple[Run, set[str]]:
    """What `advisor data prepare` took, and the ids that it keeps."""
    out = folder / "ours.jsonl"
    command = [sys.executable, "-m", "advisor", "data", "prepare", str(rows), "--near", "drop", "--out", str(out)]
    run = measured(command)
    report("advisor data prepare", run)
    with open(out, encoding="utf-8") as stream:
        return run, {json.loads(line)["id"] for line in stream}


def peers(rows: Path, folder: Path, python: str, bands: int) -> tuple[Run, set[str]]:
    """What text-dedup took, and the ids that it keeps, with our number of words, values in a band, and threshold."""
    out = folder / "peer"
    command = [
        python, "-m", "text_dedup.minhash", "--path", "json", "--data_files", str(rows), "--split", "train",
        "--column", "text", "--output", str(out), "--cache_dir", str(folder / "cache"), "--ngram", "2",
        "--num_perm", str(6 * bands), "--threshold", "0.8", "--b", str(bands), "--r", "6", "--hash_func", "xxh3",
        "--num_proc", str(os.cpu_count()),
    ]  # fmt: skip
    run = measured(command)
    report("text-dedup", run)
    code = "import datasets,sys; print('\\n'.join(datasets.load_from_disk(sys.argv[1])['id']))"
    kept = subprocess.run([python, "-c", code, str(out)], capture_output=True, text=True, check=True)
    return run, set(kept.stdout.split())


def report(name: str, run: Run) -> None:
    print(
        f"{name:<22} {run.seconds:7.1f} s  {run.cpu_seconds:7.1f} CPU s  {run.peak_gib:5.2f} GiB  exit {run.exit_code}"
    )


def recall(kept: set[str], copies: dict[str, str], count: int) -> float:
    """Share of the pairs of which one text was dropped; it is printed."""
    dropped = {f"r{n}" for n in range(count)} - kept
    found = sum(copy in dropped or original in dropped for copy, original in copies.items())
    print(f"{'':<22} recall {found / len(copies):.4f}  false alarms {len(dropped) - found}")
    return found / len(copies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--peer", metavar="PYTHON", help="interpreter of an environment that has text-dedup")
    parser.add_argument("--peer-bands", type=int, default=20, help="bands of six values for text-dedup (20)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="near-duplicates-") as name:
        folder = Path(name)
        rows = folder / "rows.jsonl"
        copies = make(options.rows, rows)
        print(f"{options.rows:,} texts of {WORDS} words, {len(copies):,} of them copies; load {os.getloadavg()[0]:.1f}")
        time.sleep(1)
        own, kept = ours(rows, folder)
        own_recall = recall(kept, copies, options.rows)
        if options.peer:
            other, kept = peers(rows, folder, options.peer, options.peer_bands)
            other_recall = recall(kept, copies, options.rows)
            slower, more = other.seconds / own.seconds, other.cpu_seconds / own.cpu_seconds
            print(f"text-dedup takes {slower:.1f} times as long ({more:.1f} times the CPU time); wanted: 1.0 or more")
            print(f"at equal recall: {own_recall:.4f} and {other_recall:.4f}")


if __name__ == "__main__":
    main()
