"""Training estimates: accounts worked by hand, laws that must hold, ranges, advice, calibration."""

from dataclasses import replace
from datetime import date
from math import log
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.advice import gpus_that_fit, ways_to_fit
from pricing.calibration import Outcome, calibrate
from pricing.catalogue import load_catalogue
from pricing.devices import Device, from_gpu
from pricing.dims import Dims
from pricing.lengths import Lengths
from pricing.memory import adapter_params, memory_components, trained_params
from pricing.setup import Stack, TrainingSetup
from pricing.speed import flops_per_token, tokens_of_micro_batch, training_tokens_per_s
from pricing.training import estimate_training
from pricing.values import Range

CATALOGUE = load_catalogue()
TODAY = date(2026, 11, 24)
GIB = 2.0**30
A100 = from_gpu(CATALOGUE.gpus["a100-80"], TODAY)
LLAMA = Dims(32, 4096, 32, 8, 128, 14336, 128256)


def job(**change: Any) -> TrainingSetup:
    """LoRA of Llama 3.1 8B on one A100 with some settings changed."""
    return replace(TrainingSetup(dims=LLAMA, method="lora", device=A100, micro_batch=1, seq_len=1024), **change)


def part(setup: TrainingSetup, name: str) -> float:
    """GiB of one line of the account."""
    return next(p.gib for p in memory_components(setup) if p.name == name)


def total(setup: TrainingSetup) -> float:
    return sum(p.gib for p in memory_components(setup))


def speed(setup: TrainingSetup) -> float:
    found = training_tokens_per_s(setup)
    assert found is not None
    return found


def test_weights_and_states_of_full_fine_tuning_by_hand() -> None:
    full = job(method="full", grad_accum=4)
    params = LLAMA.params
    assert part(full, "weights") == pytest.approx(2 * params / GIB)
    assert part(full, "gradients") == pytest.approx(2 * params / GIB)
    assert part(full, "optimizer") == pytest.approx(4 * params / GIB)
    mixed = job(method="full", precision="mixed", grad_accum=4)
    states = sum(part(mixed, name) for name in ("weights", "gradients", "optimizer"))
    assert states == pytest.approx(16 * params / GIB)


def test_adapters_of_rank_16_on_all_matrices_by_hand() -> None:
    per_layer = (4096 + 4096) * 2 + (4096 + 1024) * 2 + 3 * (4096 + 14336)
    assert adapter_params(LLAMA, 16, "all-linear") == 16 * 32 * per_layer
    share = trained_params(job()).total / LLAMA.params
    assert 0.001 < share < 0.006


def test_four_bit_weights_by_hand() -> None:
    quantised = job(method="qlora", stack=Stack.NATIVE)
    rest = LLAMA.params - LLAMA.linear_params
    expected = LLAMA.linear_params * (0.5 + 0.0159) + 2 * rest
    assert part(quantised, "weights") == pytest.approx(expected / GIB)


@pytest.mark.parametrize("method", ["full", "lora", "qlora", "int8"])
def test_the_account_adds_up_to_the_estimate(method: Any) -> None:
    estimate = estimate_training(job(method=method))
    assert estimate.peak_memory_gib.p50 == pytest.approx(sum(p.gib for p in estimate.components))
    assert all(p.gib >= 0 for p in estimate.components)


def test_methods_are_ordered_by_memory() -> None:
    assert total(job(method="qlora")) < total(job(method="int8")) < total(job()) < total(job(method="full"))


@given(st.integers(1, 16), st.integers(64, 4096), st.booleans(), st.sampled_from(["full", "lora", "qlora"]))
def test_more_tokens_take_more_memory_and_checkpointing_less(rows: int, length: int, flash: bool, method: Any) -> None:
    setup = job(micro_batch=rows, seq_len=length, flash=flash, method=method, grad_accum=2)
    assert total(replace(setup, micro_batch=rows + 1)) >= total(setup)
    assert total(replace(setup, seq_len=length + 64)) >= total(setup)
    assert total(replace(setup, grad_ckpt=True)) <= total(setup)
    assert total(replace(setup, fused_loss=True)) <= total(setup)


def test_sharding_divides_what_it_says() -> None:
    alone = job(method="full", n_gpus=8, sharding="ddp", grad_accum=2)
    two, three = replace(alone, sharding="zero2"), replace(alone, sharding="zero3")
    assert part(two, "optimizer") == pytest.approx(part(alone, "optimizer") / 8)
    assert part(two, "weights") == pytest.approx(part(alone, "weights"))
    assert part(three, "weights") < part(alone, "weights") / 4


def test_arithmetic_of_a_token_is_6n_for_all_weights_and_4n_for_adapters() -> None:
    n = LLAMA.active_params
    assert flops_per_token(job(method="full"))[0] == pytest.approx(6 * n)
    assert flops_per_token(job())[0] == pytest.approx(4 * n, rel=0.01)
    assert flops_per_token(job(grad_ckpt=True))[0] == pytest.approx(6 * n, rel=0.01)


@given(st.integers(1, 32), st.sampled_from([256, 1024, 4096]))
def test_speed_grows_with_the_batch_and_never_passes_the_peak(rows: int, length: int) -> None:
    setup = job(micro_batch=rows, seq_len=length, packing=True)
    assert speed(replace(setup, micro_batch=2 * rows)) >= 0.999 * speed(setup)
    assert speed(setup) * sum(flops_per_token(setup)) < 312e12


def test_unpacking_weights_costs_most_in_small_batches() -> None:
    small = speed(job(method="qlora", seq_len=256)) / speed(job(seq_len=256))
    large = speed(job(method="qlora", seq_len=4096, micro_batch=4)) / speed(job(seq_len=4096, micro_batch=4))
    assert small < large < 1


def test_more_gpus_are_faster_but_not_more_than_proportionally() -> None:
    one, eight = speed(job(method="full")), speed(job(method="full", n_gpus=8, sharding="zero3"))
    assert one < eight < 8 * one


@given(st.lists(st.integers(1, 50), min_size=2, max_size=6), st.integers(1, 4))
def test_the_longest_of_a_micro_batch_agrees_with_all_draws(lengths: list[int], rows: int) -> None:
    from itertools import product

    brute = fmean(max(draw) for draw in product(lengths, repeat=rows))
    assert Lengths.of(lengths).expected_longest(rows) == pytest.approx(brute)


def test_padding_is_computed_but_does_not_count() -> None:
    lengths = Lengths.of([100] * 9 + [1000])
    setup = job(micro_batch=8, seq_len=1000, mean_tokens=lengths.mean, lengths=lengths)
    real, processed = tokens_of_micro_batch(setup)
    assert real == pytest.approx(8 * 190)
    assert processed == pytest.approx(8 * lengths.expected_longest(8))
    assert speed(replace(setup, packing=True)) > speed(setup)


def test_hours_and_cost_follow_from_speed_and_rent() -> None:
    setup = job(rows=1000, epochs=3, packing=True, n_gpus=2, attempts=4, usd_per_hour=Range(2.0, 2.0, 2.0))
    found = estimate_training(setup)
    assert found.tokens_per_s is not None
    assert found.hours is not None
    assert found.cost_usd is not None
    assert found.hours.p50 == pytest.approx(1000 * 1024 * 3 / found.tokens_per_s.p50 / 3600)
    assert found.cost_usd.p50 == pytest.approx(found.hours.p50 * 2 * 4 * 2.0)
    assert found.hours.p10 < found.hours.p50 < found.hours.p90


def test_the_verdict_is_made_on_p90() -> None:
    peak = estimate_training(job()).peak_memory_gib
    between = (peak.p50 + peak.p90) / 2 + 0.5

    def verdict(memory_gib: float | None) -> str | None:
        return estimate_training(job(device=replace(A100, memory_gib=memory_gib))).fits

    assert verdict(peak.p90 + 0.6) == "fits"
    assert verdict(between) == "tight"
    assert verdict(peak.p50) == "does_not_fit"
    assert verdict(None) is None


def test_an_unknown_device_has_memory_but_no_speed_and_no_price() -> None:
    unknown = Device("mystery", "gpu", 24.0, None, None)
    found = estimate_training(job(device=unknown, rows=10))
    assert found.peak_memory_gib.p50 > 0
    assert (found.tokens_per_s, found.hours, found.cost_usd) == (None, None, None)


def test_what_was_assumed_widens_the_range() -> None:
    known, assumed = estimate_training(job()), estimate_training(job(), ("rank 16",))
    assert assumed.peak_memory_gib.p90 > known.peak_memory_gib.p90
    assert assumed.peak_memory_gib.p50 == known.peak_memory_gib.p50
    assert "rank 16" in assumed.assumed


def test_advice_goes_on_until_it_fits_and_never_up() -> None:
    big = job(method="full", device=from_gpu(CATALOGUE.gpus["rtx-4090"], TODAY), micro_batch=4, seq_len=2048)
    ways = ways_to_fit(big)
    sizes = [way.peak_memory_gib.p50 for way in ways]
    assert sizes == sorted(sizes, reverse=True)
    assert ways[-1].fits == "fits"
    assert all(way.fits != "fits" for way in ways[:-1])
    assert "LoRA instead of full fine-tuning" in [way.what for way in ways]
    assert ways_to_fit(job()) == []


def test_other_gpus_are_offered_by_price() -> None:
    found = gpus_that_fit(job(method="full"), CATALOGUE, TODAY)
    assert found
    assert all(change.fits == "fits" for change in found)


def test_one_own_run_brings_the_next_estimate_to_it() -> None:
    before = estimate_training(job(rows=100))
    assert before.tokens_per_s is not None
    slow = before.tokens_per_s.p50 * 0.5
    calibration = calibrate([Outcome(None, None, before.tokens_per_s.p50, slow)])
    after = estimate_training(job(rows=100), calibration=calibration)
    assert after.tokens_per_s is not None
    assert after.tokens_per_s.p50 == pytest.approx(slow, rel=0.1)
    assert after.tokens_per_s.p90 / after.tokens_per_s.p10 < before.tokens_per_s.p90 / before.tokens_per_s.p10
    assert "own run" in after.basis


@given(st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=12))
def test_calibration_lies_between_the_formula_and_the_runs(logs: list[float]) -> None:
    from math import exp

    calibration = calibrate([Outcome(10.0, 10.0 * exp(x)) for x in logs])
    assert calibration is not None
    factor, sd = calibration.memory.applied(0.2)
    low, high = sorted((0.0, fmean(logs)))
    assert low - 1e-9 <= log(factor) <= high + 1e-9
    assert 0 < sd <= 0.2 + 1e-9


def test_without_runs_nothing_is_calibrated() -> None:
    assert calibrate([]) is None
    assert calibrate([Outcome(None, 3.0, 100.0, None)]) is None


def test_a_loss_in_chunks_holds_the_logits_of_a_chunk_and_no_more_than_there_are() -> None:
    none = part(job(fused_loss=True), "logits")
    chunk, all_of_them = (part(job(fused_loss=True, loss_positions=n), "logits") for n in (256, 4096))
    assert none < chunk < all_of_them
    assert all_of_them == part(job(fused_loss=True, loss_positions=1024), "logits")


def test_adapters_without_dropout_in_the_matrices_type_keep_no_copies_of_their_input() -> None:
    plain = job(fp32_adapters=False, adapter_dropout=False)
    assert part(plain, "activations") < part(job(fp32_adapters=False), "activations")


def test_on_a_processor_mixed_precision_keeps_copies_and_quantising_keeps_what_was_read() -> None:
    cpu = Device("a processor", "cpu", 64.0, 0.3, 16.0)
    mixed, plain = (part(job(device=cpu, method="full", precision=p), "workspace") for p in ("mixed", "bf16"))
    assert mixed - plain == pytest.approx(2 * LLAMA.params / GIB)
    assert part(job(device=cpu, method="qlora"), "loading") == pytest.approx(2 * LLAMA.params / GIB)
