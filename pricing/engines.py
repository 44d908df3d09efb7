"""Families of inference engines, and what each reaches of a GPU.

An engine is known by its family: it runs kernel by kernel from Python (`eager`), as one compiled or hand-fused graph
(`compiled`), as a batching server (`server`), or layer by layer over its GPUs with its own formats (`layerwise`).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Engine(StrEnum):
    """The family of an engine."""

    EAGER = "eager"
    """transformers, litgpt, Lightning, AutoGPTQ, ONNX Runtime: launches every kernel from the host."""
    COMPILED = "compiled"
    """gpt-fast, MLC, ExLlama, CTranslate2: one fused graph for one request."""
    SERVER = "server"
    """vLLM, TensorRT-LLM, SGLang, LMDeploy, TGI: continuous batching, paged cache, tensor parallel."""
    LAYERWISE = "layerwise"
    """llama.cpp and what is built on it: several GPUs work one after another."""


_WORDS = {
    Engine.LAYERWISE: ("llama.cpp", "llamacpp", "ctransformers", "ollama", "gguf"),
    Engine.COMPILED: ("gpt-fast", "mlc", "exllama", "ctranslate", "torch.compile"),
    Engine.SERVER: ("vllm", "tensorrt", "trt", "sglang", "lmdeploy", "tgi", "text-generation-inference", "deepspeed",
                    "optimum nvidia", "nim", "turbomind"),
    Engine.EAGER: ("transformers", "litgpt", "lightning", "autogptq", "autoawq", "onnx", "pytorch", "eager", "hf"),
}  # fmt: skip


def engine_of(text: str | None) -> Engine | None:
    """The family of the engine that `text` names; None when it names none that is known."""
    lower = (text or "").lower()
    return next((engine for engine, words in _WORDS.items() if any(word in lower for word in words)), None)


@dataclass(frozen=True, slots=True)
class EngineConstants:
    """What a family reaches; shares are of the vendor's peak."""

    bandwidth_share: Positive
    """Of memory bandwidth, reading 16-bit weights."""
    quantised_share: Positive
    """The same for weights of 4 to 8 bits, as a multiple of `bandwidth_share`."""
    arithmetic_share: Positive
    """Of arithmetic, in long prompts and large batches."""
    layer_s: Positive
    """Launching and synchronising one layer in one step."""
    quantised_layers: Positive
    """How many times longer that takes with quantised weights."""
    step_s: Positive
    """Scheduling, sampling and the output head of one step."""
    cache_reads: Positive
    """How often the cache is read in a step: more than once where heads are repeated and tensors copied."""
