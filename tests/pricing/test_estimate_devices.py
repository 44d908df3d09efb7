"""Which GPU a string means, and what is refused."""

import pytest

from advisor.base.errors import InvalidDataError
from pricing.catalogue import load_catalogue
from pricing.devicenames import find_device
from pricing.devices import this_machine

CATALOGUE = load_catalogue()


@pytest.mark.parametrize(
    ("text", "name", "memory_gib"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100 80GB SXM4", 80),
        ("A100-80GB-PCIe", "A100 80GB PCIe", 80),
        ("A100-40GB", "A100 40GB SXM4", 40),
        ("NVIDIA A100-PCIE-40GB", "A100 40GB SXM4", 40),
        ("NVIDIA GeForce RTX 4090", "RTX 4090", 24),
        ("RTX 4090-24GB", "RTX 4090", 24),
        ("RTX 6000 Ada-48GB", "RTX 6000 Ada 48GB", 48),
        ("NVIDIA H100 80GB HBM3", "H100 80GB SXM5", 80),
        ("H100-80GB-PCIe", "H100 80GB PCIe", 80),
        ("H200-NVL-141GB", "H200 NVL 141GB", 141),
        ("Tesla V100-SXM2-32GB", "V100 32GB SXM2", 32),
        ("L4-24GB (g6.2xlarge)", "L4", 24),
        ("M2 Ultra 76-Core GPU 192GB", "Apple M2 Ultra (76 GPU cores)", 192),
        ("RTX PRO 6000 Blackwell", "RTX PRO 6000 96GB", 96),
        ("7900 XTX", "RX 7900 XTX 24GB", 24),
    ],
)
def test_strings_that_drivers_clouds_and_tables_print(text: str, name: str, memory_gib: float) -> None:
    found = find_device(text, CATALOGUE)
    assert (found.device.name, found.device.memory_gib) == (name, memory_gib)
    assert found.assumed == ()


def test_a_version_that_is_not_said_is_assumed_aloud() -> None:
    found = find_device("A100 (size not stated)", CATALOGUE)
    assert found.device.memory_gib == 80
    assert found.assumed


def test_a_power_cap_is_read() -> None:
    assert find_device("A100-80GB (330 W cap)", CATALOGUE).device.power_share == pytest.approx(330 / 400)


@pytest.mark.parametrize("text", ["unspecified (80 GB class)", "48 GB GPU", "8-GPU node (tp8; GPU not named)", "any"])
def test_a_gpu_without_a_name_is_a_common_one_and_said_to_be(text: str) -> None:
    found = find_device(text, CATALOGUE)
    assert found.device.bf16_tflops
    assert "not named" in found.assumed[0]


def test_an_unnamed_gpu_holds_what_it_must() -> None:
    memory = find_device("8-GPU node", CATALOGUE, need_gib=120).device.memory_gib
    assert memory is not None
    assert memory >= 120


@pytest.mark.parametrize("text", ["Foo 9000", "NVIDIA RTX 3080 Laptop GPU", "RTX 409"])
def test_a_named_gpu_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(InvalidDataError, match="no GPU called"):
        find_device(text, CATALOGUE)


def test_this_computer_is_a_device() -> None:
    device = find_device("cpu", CATALOGUE).device
    assert device == this_machine()
    assert device.kind == "cpu"
    assert device.memory_gib
    assert device.bf16_tflops
