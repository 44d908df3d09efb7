"""A plain closed formula for each figure, as one would write it on a napkin; what the real estimates have to beat.

memory     2 bytes a parameter (0.55 in 4 bits) + 12 bytes a trained one + activations + 12 bytes a logit + 1.5 GiB,
           activations 34 * hidden bytes a token and layer, or 2 * hidden when checkpointed (arXiv:2205.05198)
training   40 % of the peak over 6N (all weights) or 4N (adapters) operations a token, 2N more when checkpointed
decode     70 % of the bandwidth over the bytes of the weights in use
prefill    40 % of the peak over 2N operations a token
serving    the decode formula times the requests that are there at once, at most 64
"""

from pricing.dims import Dims
from pricing.inference import ServingSetup
from pricing.memory import trained_params
from pricing.setup import TrainingSetup

GIB = 2.0**30


def memory_gib(setup: TrainingSetup) -> float:
    """Peak memory of one device."""
    dims, tokens = setup.dims, setup.micro_batch_tokens
    weights = dims.params * (0.55 if setup.method == "qlora" else 1.1 if setup.method == "int8" else 2.0)
    trained = trained_params(setup).total * (10.0 if setup.trains_all else 12.0)
    each = 2.0 if setup.grad_ckpt else 34.0
    activations = tokens * dims.n_layers * dims.hidden * each
    return (weights + trained + activations + tokens * dims.vocab * 12.0) / GIB + 1.5


def training_tokens_per_s(setup: TrainingSetup) -> float:
    """Tokens a second over all devices."""
    peak = (setup.device.bf16_tflops or 1.0) * 1e12
    times = (6.0 if setup.trains_all else 4.0) + (2.0 if setup.grad_ckpt else 0.0)
    return 0.4 * peak * setup.n_gpus / (times * setup.dims.active_params)


def decode_tokens_per_s(setup: ServingSetup) -> float:
    """Tokens a second of one request."""
    bandwidth = 0.7 * (setup.device.bandwidth_gb_s or 1.0) * 1e9 * setup.tensor_parallel
    return bandwidth / (_weights(setup.dims, setup.weight_bytes))


def prefill_tokens_per_s(setup: ServingSetup) -> float:
    """Prompt tokens a second."""
    return 0.4 * (setup.device.bf16_tflops or 1.0) * 1e12 * setup.n_gpus / (2 * setup.dims.active_params)


def serving_tokens_per_s(setup: ServingSetup) -> float:
    """Output tokens a second over all requests."""
    return decode_tokens_per_s(setup) * min(64, setup.batch or 64)


def _weights(dims: Dims, weight_bytes: float) -> float:
    return dims.active_params * weight_bytes
