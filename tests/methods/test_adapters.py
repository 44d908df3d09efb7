"""LoRA and QLoRA: what is trained, that gradients stay right, and that an adapter knows its base."""

from pathlib import Path
from typing import Any

import pytest

from trainers.methods import get_method, method_names
from trainers.methods.lora import add_adapter
from trainers.methods.qlora import Settings as QloraSettings
from trainers.methods.qlora import load_quantised
from trainers.methods.shared.settings import AdapterSettings, default_learning_rate
from trainers.models.local import load_model


def batch() -> Any:
    import torch

    return torch.randint(0, 250, (2, 24), generator=torch.Generator().manual_seed(1))


def gradient(module: Any) -> Any:
    import torch

    module.zero_grad()
    module.train()
    module(input_ids=batch(), labels=batch(), use_cache=False).loss.backward()
    return torch.cat([p.grad.float().flatten() for p in module.parameters() if p.requires_grad])


def with_weights(module: Any) -> Any:
    """An adapter starts as nothing (B is zero); give it some weight."""
    import torch

    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return module


def test_every_method_is_complete() -> None:
    assert {"lora", "qlora", "full"} <= set(method_names())
    for name in method_names():
        method = get_method(name)
        assert method.TITLE
        assert method.ARTEFACT in ("adapter", "model", "vendor")
        assert method.Settings().epochs > 0
        assert method.ESTIMATE in ("lora", "qlora", "full", "encoder", None)
        assert callable(method.look)
        assert callable(method.train)


@pytest.mark.slow
def test_an_adapter_is_a_small_share_and_the_base_is_frozen(tiny: Path) -> None:
    module = add_adapter(load_model(str(tiny), "fp32"), AdapterSettings(rank=2))
    trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    assert trained
    assert all("lora_" in name for name in trained)
    # Seven linear layers (q, k, v, o, gate, up, down) in each of two layers, two matrices each.
    assert len(trained) == 2 * 7 * 2


@pytest.mark.parametrize("settings", [{"dora": True}, {"rslora": True}, {"targets": "q_proj,v_proj"}])
def test_variants_train(tiny: Path, settings: dict[str, Any]) -> None:
    module = with_weights(add_adapter(load_model(str(tiny), "fp32"), AdapterSettings(**settings)))
    assert float(gradient(module).norm()) > 0


def test_gradient_checkpointing_changes_no_gradient(tiny: Path) -> None:
    import torch

    found = []
    for on in (False, True):
        torch.manual_seed(0)
        model = load_model(str(tiny), "fp32")
        module = with_weights(add_adapter(model, AdapterSettings(gradient_checkpointing=on)))
        found.append(gradient(module))
    assert float(torch.nn.functional.cosine_similarity(found[0], found[1], dim=0)) > 0.9999


def test_quantised_gradients_after_an_evaluation_agree_with_those_before(tiny: Path) -> None:
    import torch

    torch.manual_seed(0)
    settings = QloraSettings(gradient_checkpointing=False, dtype="bf16")
    module = with_weights(add_adapter(load_quantised(str(tiny), settings), settings))
    before = gradient(module)
    module.eval()
    with torch.no_grad():
        module(input_ids=batch())
    after = gradient(module)
    assert float(torch.nn.functional.cosine_similarity(before, after, dim=0)) > 0.99
    assert float(after.norm()) == pytest.approx(float(before.norm()), rel=0.02)


def test_quantised_gradients_agree_with_those_of_the_dequantised_weights(tiny: Path) -> None:
    """The reference: the same numbers as plain matrices, trained without bitsandbytes."""
    import bitsandbytes
    import torch

    settings = QloraSettings(gradient_checkpointing=False, dtype="fp32")
    quantised = load_quantised(str(tiny), settings)
    plain = load_model(str(tiny), "fp32")
    with torch.no_grad():
        for name, layer in quantised.named_modules():
            if isinstance(layer, bitsandbytes.nn.Linear4bit):
                weight = bitsandbytes.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
                plain.get_submodule(name).weight.copy_(weight)
    gradients = []
    for model in (quantised, plain):
        torch.manual_seed(0)
        gradients.append(gradient(with_weights(add_adapter(model, settings))))
    assert float(torch.nn.functional.cosine_similarity(gradients[0], gradients[1], dim=0)) > 0.99


def test_the_learning_rate_falls_with_width_and_is_ten_times_higher_for_adapters() -> None:
    assert default_learning_rate(2000, adapter=False) == pytest.approx(5e-5)
    assert default_learning_rate(2000, adapter=True) == pytest.approx(5e-4)
    assert default_learning_rate(576, adapter=True) == pytest.approx(1.3e-3, rel=0.05)
