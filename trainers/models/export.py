"""From a run's artefact to something that can be served, checked against what was trained.

python -m trainers.models.export < request.json     (a child process: see `trainers.runs.look.in_child`)
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from trainers.models.gguf import FILE, FOLDER, GgufType, load_gguf, to_gguf
from trainers.models.template import render, shown_by
from trainers.runs.look import serve


class Request(BaseModel):
    """What to export and what to try it with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    artefact: Path
    target: Path
    merge: bool
    dtype: Literal["bf16", "fp32"]
    prompts: list[list[dict[str, Any]]]
    tools: list[list[dict[str, Any]]] | None = None
    """Of each prompt."""
    max_new_tokens: int
    gguf: GgufType | None = None
    served_url: str | None = None
    served_name: str | None = None


def work(raw: dict[str, Any]) -> dict[str, Any]:
    """Copy, merge, compare; the answer tells what there is and whether it agrees."""
    from trainers.models.local import model_location
    from trainers.models.trained import is_adapter, read_card

    request = Request.model_validate(raw)
    card = read_card(request.artefact)
    adapter = is_adapter(request.artefact)
    copied = request.target / ("adapter" if adapter else "model")
    _copy(request.artefact, copied)
    forms = [copied]
    if adapter and request.merge:
        from trainers.models.merge import merge

        merge(request.artefact, request.target / "merged", request.dtype)
        _copy_card(request.artefact, request.target / "merged")
        forms.append(request.target / "merged")
    if request.gguf is not None:
        to_gguf(forms[-1], request.target / FOLDER, request.gguf)
        forms.append(request.target / FOLDER)
    base = model_location(card.base)
    return {"forms": [form.name for form in forms], "base_location": base, **_tried(request, forms)}


def _copy(source: Path, target: Path) -> None:
    from trainers.runs.checkpoints import MARKER

    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(MARKER))


def _copy_card(source: Path, target: Path) -> None:
    from trainers.models.trained import CARD

    shutil.copy(source / CARD, target / CARD)


def _tried(request: Request, forms: list[Path]) -> dict[str, Any]:
    """Parity of every exported form with the trained model, and what serving needs to know of it."""
    from trainers.models.local import load_model, load_tokenizer
    from trainers.models.parity import ROUNDING, Judge, compare, speak, speak_served
    from trainers.models.trained import load_trained, read_card

    dtype = read_card(request.artefact).dtype
    model, tokenizer = load_trained(request.artefact, dtype)
    asked = (request.prompts, request.max_new_tokens, request.tools)
    trained = speak(model, tokenizer, *asked)
    judge = Judge(model, tokenizer, trained)
    facts = _facts(model, tokenizer, trained.end_tokens or ())
    found = []
    for form in forms:
        if form.name == FOLDER:
            exported, its_tokenizer = load_gguf(form / FILE, dtype)
        elif form.name == "merged":
            exported, its_tokenizer = load_model(str(form), request.dtype), load_tokenizer(str(form))
        else:
            exported, its_tokenizer = load_trained(form, dtype)
        spoken = speak(exported, its_tokenizer, *asked)
        rounding = ROUNDING[_coarsest(dtype, form.name, request)]
        found.append(compare(form.name, trained, spoken, judge=judge, model=exported, rounding=rounding))
    if request.served_url and request.served_name:
        end_token = (trained.end_tokens or (None,))[0]
        served = speak_served(request.served_url, request.served_name, *asked, tokenizer=tokenizer, end_token=end_token)
        found.append(compare("served", trained, served, judge=judge))
    return {"parity": [parity.as_json() for parity in found], **facts}


def _coarsest(trained: str, form: str, request: Request) -> str:
    """The coarsest numbers that the trained model or the exported form has."""
    if form == FOLDER and request.gguf == "q8_0":
        return "q8_0"
    forms = {"merged": request.dtype, FOLDER: "fp32" if request.gguf == "f32" else "bf16"}
    return "bf16" if "bf16" in (trained, forms.get(form, trained)) else "fp32"


def _facts(model: Any, tokenizer: Any, ends: tuple[int, ...]) -> dict[str, Any]:
    config = model.config.get_text_config()
    sample = [
        {"role": "system", "content": "S"},
        {"role": "user", "content": "U"},
    ]
    rendered = render(tokenizer, sample, answer_next=True)
    chatml = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
    return {
        "context_tokens": getattr(config, "max_position_embeddings", None),
        "architecture": (getattr(config, "architectures", None) or [type(model).__name__])[0],
        "chatml": rendered == chatml,
        "tools": shown_by(tokenizer).tools,
        "rendered": rendered,
        "stop": [tokenizer.decode([token]) for token in ends],
    }


if __name__ == "__main__":
    sys.exit(serve(work))
