"""Which dimensions a model has: counts worked by hand, config files, names as people write them."""

import json
from pathlib import Path

import pytest

from advisor.base.errors import InvalidDataError
from pricing.catalogue import load_catalogue
from pricing.configjson import read_config
from pricing.shapes import find_dims, fold_name, published_shapes, size_in_name

CATALOGUE = load_catalogue()

LLAMA_8B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256, "tie_word_embeddings": False,
}  # fmt: skip


def config(folder: Path, **change: object) -> Path:
    """A config.json like Llama 3.1 8B's with some keys changed."""
    (folder / "config.json").write_text(json.dumps({**LLAMA_8B, **change}))
    return folder


def test_parameters_of_llama_from_its_config(tmp_path: Path) -> None:
    dims = read_config(config(tmp_path))
    per_layer = 4096 * 4096 * 2 + 4096 * 1024 * 2 + 3 * 4096 * 14336
    assert dims.linear_params == 32 * per_layer
    assert dims.params == pytest.approx(8.03e9, rel=0.001)
    assert dims.kv_bytes_per_token() == 131072


def test_a_mixture_of_experts_counts_all_experts_and_uses_few(tmp_path: Path) -> None:
    experts = {"num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768}
    shape = {"num_hidden_layers": 48, "hidden_size": 2048, "num_key_value_heads": 4, "head_dim": 128}
    dims = read_config(config(tmp_path, **experts, **shape, vocab_size=151936))
    assert dims.params == pytest.approx(30.5e9, rel=0.01)
    assert dims.active_params == pytest.approx(3.0e9, rel=0.05)


def test_gpt2_writes_other_names_and_has_no_gate(tmp_path: Path) -> None:
    raw = {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257}
    (tmp_path / "config.json").write_text(json.dumps(raw))
    dims = read_config(tmp_path / "config.json")
    assert dims.params == pytest.approx(124e6, rel=0.01)
    assert not dims.gated_mlp


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"hidden_size": None}, "hidden_size"),
        ({"hidden_size": -1}, "positive"),
        ({"num_hidden_layers": "many"}, "num_hidden_layers"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
    ],
)
def test_a_config_without_its_dimensions_is_refused(tmp_path: Path, change: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidDataError, match=says):
        read_config(config(tmp_path, **change))


@pytest.mark.parametrize(
    ("name", "params_b"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8.03),
        ("Llama 3.1 8B", 8.03),
        ("LLAMA2-70B", 68.98),
        ("Llama 2 7B chat", 6.74),
        ("Qwen-1_8B-Chat", 1.84),
        ("qwen-72b-chat", 72.29),
        ("Qwen2.5-7B-Instruct-AWQ", 7.6),
        ("phi-1.5", 1.42),
        ("MPT 30b", 29.97),
        ("GLM-5 (FP8)", 744.0),
        ("smollm2-135m", 0.1345),
    ],
)
def test_names_as_tables_print_them(name: str, params_b: float) -> None:
    dims = find_dims(name, CATALOGUE)
    assert not dims.guessed
    assert dims.params / 1e9 == pytest.approx(params_b, rel=0.02)


def test_an_unknown_name_is_guessed_from_its_size_and_said_to_be() -> None:
    dims = find_dims("Acme-9B-Chat", CATALOGUE)
    assert dims.guessed
    assert dims.params == 9e9
    with pytest.raises(InvalidDataError, match="nothing describes"):
        find_dims("Acme-Large", CATALOGUE)


def test_a_stated_size_that_contradicts_the_shape_wins() -> None:
    assert find_dims("Llama 3.1 8B", CATALOGUE, params_b=3.0).guessed


def test_sizes_in_names() -> None:
    assert size_in_name("SmolLM2-135M") == pytest.approx(0.135)
    assert size_in_name("Qwen3-30B-A3B") == 30
    assert size_in_name("gpt-4o") is None


def test_folding_never_joins_different_shapes() -> None:
    names = [fold_name(m.name) for m in CATALOGUE.models.values() if m.architecture]
    assert len(names) == len(set(names))
    assert fold_name("Llama-3.1-8B") != fold_name("Llama-3-8B")
    assert len(published_shapes()) > 100
