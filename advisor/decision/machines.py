"""Which machines can run an open model: rented GPUs by price and speed, the user's own, or a CPU server for a small
one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pricing.serving import ServingProfile, serving_profile
from pricing.values import Range

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from pricing.catalogue import Catalogue
    from pricing.entries import Gpu, Model

COUNTS = (1, 2, 4, 8)
SMALL_CARD_GIB = 40.0
MOST_SMALL_CARDS = 2
"""Cards with less memory have no fast links between them: more than two slow each other down."""
FAST_SHARE = 0.6
"""Rented set-ups per model: the cheapest that fits, and the cheapest of those that reach this share of the fastest's
speed."""
CPU_LIMIT_B = 2.0
"""Above this many billion parameters a CPU server answers too slowly to be offered."""
EIGHT_BIT_FROM_B = 3.0
"""From this many billion parameters on GPUs serve 8-bit weights: no loss in quality that evaluations detect, half the
memory
(Dettmers et al. 2022, arXiv:2208.07339). Smaller models and CPU machines serve 16 bits."""
RENTED_FOR_TRAINING = 8
"""GPUs of a kind that can be rented together for a training run."""
POWER_USD_PER_KWH = 0.15
OVERHEAD = 1.25
"""Memory beyond the weights for cache, activations and the runtime, as a factor."""
TRAINING_SHARE_OF_PREFILL = {"full": 1 / 3, "encoder": 1 / 3, "lora": 1 / 2, "qlora": 0.38}
"""Prefill is 2 operations a parameter and token, full training 6, training of adapters 4; 4-bit weights are unpacked
each time."""
TRAINING_EFFICIENCY = 0.8
"""Training reaches less of the arithmetic than prefill: optimiser, short batches, held-out evaluations (judgement)."""
QUEUEING = 1.6
"""P95 of an answer at up to 70 % load against an idle machine (M/M/1-like judgement)."""

if TYPE_CHECKING:
    Amount = NDArray[np.float64] | float


@dataclass(frozen=True, slots=True)
class Machine:
    """One replica's hardware and how fast the model runs on it."""

    gpu_id: str
    gpu_name: str
    count: int
    memory_gib: float
    usd_per_hour: Range
    """For the whole replica. For owned hardware: its electricity."""
    rented: bool
    profile: ServingProfile
    source: str
    training_memory_gib: float
    """Memory that a training run may use: all owned GPUs of the kind, or as many as are rented together."""
    most_replicas: int | None = None
    """How many replicas the owned GPUs hold; None where more can be rented."""

    def busy_seconds(self, sent: Amount, answered: Amount) -> Amount:
        """Machine seconds one request takes when the machine works on many at once."""
        return sent / self.profile.prefill_tokens_per_s + answered / self.profile.decode_tokens_per_s

    def latency_ms(self, sent: Amount, answered: Amount) -> Amount:
        """Time of a whole answer under load, before queueing at peaks. Half of the batch's slow-down is met on
        average."""
        p = self.profile
        floor_ms = max(p.first_token_ms - 1e6 / p.prefill_tokens_per_s, 0.0)
        per_token_ms = 1000.0 / p.decode_tokens_per_s_single
        return floor_ms + 1000.0 * sent / p.prefill_tokens_per_s + per_token_ms * answered

    def training_tokens_per_s(self, training: str) -> float:
        """Tokens a second in training with `training` (full, lora, qlora, encoder)."""
        return self.profile.prefill_tokens_per_s * TRAINING_SHARE_OF_PREFILL[training] * TRAINING_EFFICIENCY

    @property
    def training_usd_per_hour(self) -> float:
        """What the machine costs while it trains; twice the GPUs train twice as fast, so this holds for more of
        them."""
        return self.usd_per_hour.value


@dataclass(frozen=True, slots=True)
class Rental:
    """A GPU or CPU machine that can be rented on the day."""

    gpu: Gpu
    usd_per_hour: Range
    source: str


def rentals(catalogue: Catalogue, on: date) -> list[Rental]:
    """Everything that can be rented on the day."""
    found = []
    for gpu in catalogue.gpus.values():
        rent = gpu.rent(on) if gpu.kind in ("gpu", "cpu") else None
        if rent is not None:
            found.append(Rental(gpu, rent.range, f"{rent.source.title} ({rent.checked})"))
    return found


def machines_for(
    model: Model, catalogue: Catalogue, rented: Sequence[Rental], owned: Sequence[Mapping[str, object]]
) -> Iterator[tuple[str, Machine]]:
    """(hosting, machine) for every set-up worth pricing. A model of unknown size has none."""
    if model.params_b is None:
        return
    for rental, count in _worth_renting(model, rented):
        r = rental.usd_per_hour
        price = Range(r.low * count, r.value * count, r.high * count)
        yield "rented_gpu", _machine(model, rental.gpu, count, price, True, rental.source)
    yield from (("owned_gpu", machine) for machine in _owned(model, catalogue, owned))
    if model.params_b <= CPU_LIMIT_B:
        for rental in rented:
            if rental.gpu.kind == "cpu":
                yield "cpu", _machine(model, rental.gpu, 1, rental.usd_per_hour, True, rental.source)


def _worth_renting(model: Model, rented: Sequence[Rental]) -> list[tuple[Rental, int]]:
    """The cheapest that fits, and the cheapest of those whose memory is nearly as fast as the fastest's."""
    fits = [(r, n) for r in rented if r.gpu.kind == "gpu" and (n := _fitting_count(model, r.gpu)) is not None]
    if not fits:
        return []
    fits.sort(key=lambda pair: pair[0].usd_per_hour.value * pair[1])
    speeds = [(r.gpu.bandwidth_gb_s or 0.0) * n for r, n in fits]
    quick = next(pair for pair, speed in zip(fits, speeds, strict=True) if speed >= FAST_SHARE * max(speeds))
    return [fits[0]] if quick is fits[0] else [fits[0], quick]


def _fitting_count(model: Model, gpu: Gpu) -> int | None:
    """The smallest number of GPUs whose memory holds the weights as they are served, with room to work."""
    if gpu.memory_gib is None or gpu.bandwidth_gb_s is None:
        return None
    need = (model.params_b or 0.0) * weight_bytes(model, gpu) * 1e9 / 2**30 * OVERHEAD
    most = MOST_SMALL_CARDS if gpu.memory_gib < SMALL_CARD_GIB else COUNTS[-1]
    return next((n for n in COUNTS if n * gpu.memory_gib >= need and n <= most), None)


def _owned(model: Model, catalogue: Catalogue, owned: Sequence[Mapping[str, object]]) -> Iterator[Machine]:
    for item in owned:
        gpu = catalogue.find_gpu(str(item["gpu"]))
        have = int(str(item["count"]))
        count = _fitting_count(model, gpu)
        if gpu.kind != "gpu" or count is None or count > have:
            continue
        power = (gpu.tdp_w or 300.0) * count / 1000 * POWER_USD_PER_KWH
        yield _machine(
            model,
            gpu,
            count,
            Range(0.5 * power, power, 2.0 * power),
            False,
            f"electricity at ${POWER_USD_PER_KWH}/kWh, full board power",
            have,
        )


def weight_bytes(model: Model, gpu: Gpu) -> float:
    """Bytes of a weight where the model is served on such a machine."""
    return 1.0 if gpu.kind == "gpu" and (model.params_b or 0.0) >= EIGHT_BIT_FROM_B else 2.0


def _machine(
    model: Model, gpu: Gpu, count: int, price: Range, rented: bool, source: str, have: int | None = None
) -> Machine:
    together = 1 if gpu.kind == "cpu" else have if have is not None else max(RENTED_FOR_TRAINING, count)
    return Machine(
        gpu_id=gpu.id,
        gpu_name=gpu.name,
        count=count,
        memory_gib=(gpu.memory_gib or 0.0) * count,
        usd_per_hour=price,
        rented=rented,
        profile=serving_profile(model, gpu, count, weight_bytes(model, gpu)),
        source=source,
        training_memory_gib=(gpu.memory_gib or 0.0) * together,
        most_replicas=None if have is None else have // count,
    )
