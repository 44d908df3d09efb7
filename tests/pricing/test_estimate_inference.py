"""Serving estimates: rooflines worked by hand, laws that must hold, capacity, hosted priors."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.capacity import adapters_gib, best_within, curve, fleet, point
from pricing.catalogue import load_catalogue
from pricing.devices import from_gpu
from pricing.dims import Dims, dims_of
from pricing.engines import Engine, engine_of
from pricing.hosted import hosted_answer
from pricing.inference import ServingSetup, concurrent_requests, speeds, weights_touched
from pricing.serving import serving_profile

CATALOGUE = load_catalogue()
TODAY = date(2026, 11, 24)
H100 = from_gpu(CATALOGUE.gpus["h100"], TODAY)
LLAMA = dims_of(CATALOGUE.models["llama-3.1-8b"])


def server(**change: Any) -> ServingSetup:
    """Llama 3.1 8B in 16 bits on one H100."""
    return replace(ServingSetup(dims=LLAMA, device=H100, input_len=1000, output_len=250), **change)


def test_decode_is_slower_than_reading_the_weights_and_faster_than_half_of_that() -> None:
    read_s = 2 * LLAMA.active_params / 3350e9
    assert read_s < speeds(server()).step_s < 2 * read_s


def test_fewer_bytes_are_faster_and_a_longer_context_slower() -> None:
    base = speeds(server()).step_s
    assert speeds(server(weight_bytes=0.54)).step_s < base
    assert speeds(server(input_len=100_000)).step_s > base


@given(st.sampled_from(list(Engine)), st.sampled_from([1, 4, 16, 64]), st.integers(1, 20_000))
def test_throughput_grows_with_the_batch_and_latency_with_it(engine: Engine, batch: int, prompt: int) -> None:
    one, more = (speeds(server(engine=engine, batch=b, input_len=prompt)) for b in (batch, 2 * batch))
    assert more.output_tokens_per_s >= 0.999 * one.output_tokens_per_s
    assert more.step_s >= one.step_s
    assert one.ttft_s > 0


def test_the_cache_limits_how_many_run_together() -> None:
    each = 1125 * LLAMA.kv_bytes_per_token()
    room = 0.9 * 80 * 2**30 - 2 * LLAMA.params
    assert concurrent_requests(server(batch=None)) == int(room / each)
    assert concurrent_requests(server(batch=None, cache_bytes=1.0)) > concurrent_requests(server(batch=None))
    assert concurrent_requests(server(batch=8)) == 8


def test_several_gpus_help_tensor_parallel_servers_and_not_layerwise_engines() -> None:
    big = dims_of(CATALOGUE.models["llama-3.1-70b"])
    two, four = (speeds(server(dims=big, n_gpus=n, tensor_parallel=n)).step_s for n in (2, 4))
    assert four < two < 2.2 * four
    llama_cpp = [speeds(server(dims=big, engine=Engine.LAYERWISE, n_gpus=n, weight_bytes=0.6)).step_s for n in (1, 4)]
    assert llama_cpp[0] == pytest.approx(llama_cpp[1])


def test_a_mixture_of_experts_reads_few_weights_alone_and_most_in_a_crowd() -> None:
    moe = dims_of(CATALOGUE.models["qwen3-30b-a3b"])
    assert weights_touched(moe, 1) == pytest.approx(moe.active_params)
    assert weights_touched(moe, 64) > 0.9 * moe.params
    dense = Dims(32, 4096, 32, 8, 128, 14336, 128256)
    assert weights_touched(dense, 64) == dense.active_params


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("vLLM 0.19.1", Engine.SERVER),
        ("TensorRT-LLM (PyTorch backend)", Engine.SERVER),
        ("transformers 4.46 + FA2", Engine.EAGER),
        ("litgpt (eager PyTorch)", Engine.EAGER),
        ("gpt-fast (torch.compile)", Engine.COMPILED),
        ("llama.cpp", Engine.LAYERWISE),
        ("something else", None),
        (None, None),
    ],
)
def test_engines_are_known_by_family(text: str | None, engine: Engine | None) -> None:
    assert engine_of(text) is engine


def test_the_best_point_below_a_latency_limit() -> None:
    points = curve(server())
    best = best_within(points, 4.0)
    assert best is not None
    assert best.answer_s <= 4.0
    assert all(p.requests_per_s <= best.requests_per_s for p in points if p.answer_s <= 4.0)
    assert best_within(points, 0.01) is None


def test_replicas_carry_the_peak_and_one_more() -> None:
    at = point(server(), 32)
    peak = 2.5 * at.requests_per_s
    found = fleet(peak, peak / 3, at, redundant=1, utilisation=0.7)
    assert found.replicas == 4 + 1
    assert found.utilisation_at_peak == pytest.approx(2.5 / 5)
    assert found.utilisation_on_average == pytest.approx(2.5 / 15)


def test_adapters_share_a_base_model_for_little_memory() -> None:
    twenty = adapters_gib(LLAMA, 20, 16)
    assert 1.0 < twenty < 3.0
    assert point(server(), 8, adapters=20).answer_s > point(server(), 8).answer_s


def test_a_hosted_model_answers_later_with_retrieval() -> None:
    model = CATALOGUE.models["gpt-6-sol"]
    plain = hosted_answer(model, CATALOGUE, TODAY, 300)
    after = hosted_answer(model, CATALOGUE, TODAY, 300, ("embedding", "search"))
    assert plain.answer_p50_ms is not None
    assert plain.answer_p95_ms is not None
    assert plain.answer_p50_ms < plain.answer_p95_ms
    assert after.answer_p50_ms == pytest.approx(plain.answer_p50_ms + after.retrieval_ms)


@pytest.mark.parametrize("gpu", ["h100", "l4", "cpu-4vcpu", "cpu-8vcpu"])
def test_a_profile_exists_for_every_kind_of_machine(gpu: str) -> None:
    found = serving_profile(CATALOGUE.models["smollm2-135m"], CATALOGUE.gpus[gpu], 1)
    assert found.decode_tokens_per_s > found.decode_tokens_per_s_single > 0
    assert found.first_token_ms > 0
    assert found.log_sd > 0
