"""A tiny random model and rows of different lengths behind one common system prompt."""

from pathlib import Path
from typing import Any

import pytest

from trainers.methods.shared.examples import Row
from trainers.models.local import load_tokenizer
from trainers.models.tiny import write_tiny_causal

SYSTEM = {"role": "system", "content": "Answer with the letter three times."}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_causal(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tokenizer(tiny: Path) -> Any:
    return load_tokenizer(str(tiny))


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    made = []
    for line, letter in enumerate("abcdefgh", start=1):
        ask = {"role": "user", "content": f"say {letter}" + " please" * line}
        made.append(Row(line, (SYSTEM, ask, {"role": "assistant", "content": letter * (line + 2)})))
    return made
