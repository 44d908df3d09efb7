"""The dimensions in a `config.json` as the transformers library writes it, for any model whose file is at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from advisor.base.errors import InvalidDataError
from advisor.base.files import parse_json, read_text
from pricing.dims import Dims

if TYPE_CHECKING:
    from pathlib import Path

_NAMES = {
    "n_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "hidden": ("hidden_size", "n_embd", "d_model", "dim"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "ffn": ("intermediate_size", "ffn_hidden_size", "n_inner", "d_ff", "inner_dim"),
    "vocab": ("vocab_size", "padded_vocab_size"),
}
_KV_HEADS = ("num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num")
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")
_PER_TOKEN = ("num_experts_per_tok", "num_experts_per_token", "experts_per_token")
_UNGATED = ("gpt2", "gpt_neox", "gptj", "gpt_bigcode", "opt", "bloom", "falcon", "mpt", "phi", "bert", "roberta",
            "distilbert", "deberta", "deberta-v2", "xlm-roberta", "electra", "starcoder2", "nemotron",
            "nemotron_h")  # fmt: skip
_LAYER_NORM = (*_UNGATED, "stablelm", "olmo", "cohere", "modernbert")
_TIED_BY_DEFAULT = ("gemma", "gemma2", "gemma3", "gemma3_text", "gpt2", "bloom", "opt", "mpt", "falcon")


def read_config(path: Path) -> Dims:
    """Dimensions from `path` (the file, or the folder that holds it).

    Raises `InvalidDataError` when the file is missing, is not JSON, or lacks a dimension.
    """
    file = path if path.is_file() else path / "config.json"
    raw = parse_json(read_text(file), where=str(file))
    if not isinstance(raw, dict):
        raise InvalidDataError("this is not a model configuration", where=str(file))
    inner = raw.get("text_config")
    return dims_from_config({**raw, **inner} if isinstance(inner, dict) else raw, where=str(file))


def dims_from_config(raw: dict[str, Any], *, where: str) -> Dims:
    """Dimensions from the mapping. Raises `InvalidDataError` naming the key that is missing or not a count."""
    hidden, heads = _count(raw, _NAMES["hidden"], where), _count(raw, _NAMES["heads"], where)
    kind = str(raw.get("model_type", ""))
    experts = _optional(raw, _EXPERTS, where)
    width = _optional(raw, ("moe_intermediate_size",), where) if experts else None
    shared = _optional(raw, ("n_shared_experts",), where) or 0
    return Dims(
        n_layers=_count(raw, _NAMES["n_layers"], where),
        hidden=hidden,
        heads=heads,
        vocab=_count(raw, _NAMES["vocab"], where),
        kv_heads=_kv_heads(raw, heads, where),
        head_dim=_optional(raw, ("head_dim", "kv_channels"), where) or hidden // heads,
        ffn=width or _optional(raw, _NAMES["ffn"], where) or 4 * hidden,
        gated_mlp=kind not in _UNGATED,
        tied=bool(raw.get("tie_word_embeddings", kind in _TIED_BY_DEFAULT)),
        rms_norm=kind not in _LAYER_NORM,
        softcapped=raw.get("attn_logit_softcapping") is not None,
        n_experts=(experts + shared) if experts else 1,
        experts_per_token=((_optional(raw, _PER_TOKEN, where) or 1) + shared) if experts else 1,
        sliding_window=_optional(raw, ("sliding_window",), where),
        kv_elements_per_layer=_latent(raw, where),
    )


def _kv_heads(raw: dict[str, Any], heads: int, where: str) -> int:
    if raw.get("multi_query") is True and not raw.get("new_decoder_architecture"):
        return 1
    return _optional(raw, _KV_HEADS, where) or heads


def _latent(raw: dict[str, Any], where: str) -> int | None:
    """Elements of a latent-attention cache: the compressed keys and values and the rotary part."""
    rank = _optional(raw, ("kv_lora_rank",), where)
    return None if rank is None else rank + (_optional(raw, ("qk_rope_head_dim",), where) or 0)


def _count(raw: dict[str, Any], names: tuple[str, ...], where: str) -> int:
    value = _optional(raw, names, where)
    if value is None:
        raise InvalidDataError(f"{names[0]!r} is missing", where=where, fix="give the model's own config.json")
    return value


def _optional(raw: dict[str, Any], names: tuple[str, ...], where: str) -> int | None:
    """The first of the keys that is there; None when none is (or is null)."""
    for name in names:
        value = raw.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise InvalidDataError(f"{name} must be a positive whole number, not {value!r}", where=where)
        return value
    return None
