"""Other estimators' memory, where they are installed and can take the row.

canifinetune and ftuneai (`pip install canifinetune ftuneai`) take a model's dimensions; ours are given to both, so that
the formulas are compared and not the tables of models. `accelerate estimate-memory` knows weights, gradients and Adam
states of full training only: it has no activations, adapters or quantisation, so it takes full fine-tuning alone.
"""

from importlib.util import find_spec

from pricing.setup import TrainingSetup

GIB = 2.0**30


def installed() -> dict[str, bool]:
    """Which of them can be asked."""
    return {name: find_spec(name) is not None for name in ("canifinetune", "ftuneai", "accelerate")}


def canifinetune_gib(setup: TrainingSetup) -> float | None:
    """Its total without the safety margin; None for what it does not model."""
    from canifinetune.estimator import EstimateRequest, estimate

    if setup.method not in ("full", "lora", "qlora") or setup.n_gpus > 1:
        return None
    dims = setup.dims
    spec = {
        "family": "llama" if dims.gated_mlp else "gpt2",
        "hidden_size": dims.hidden,
        "num_hidden_layers": dims.n_layers,
        "num_attention_heads": dims.heads,
        "num_key_value_heads": dims.kv_heads,
        "intermediate_size": dims.ffn,
        "vocab_size": dims.vocab,
        "tie_word_embeddings": dims.tied,
        "total_params": int(dims.params),
    }
    request = EstimateRequest(
        model_id="row/model",
        method=setup.method,
        seq_len=setup.seq_len,
        micro_batch_size=setup.micro_batch,
        lora_rank=setup.lora_rank,
        lora_target_scope="attention" if setup.lora_targets in ("attention", "q,v") else "all_linear",
        optimizer="adamw_8bit" if "8bit" in setup.optimizer else "adamw_torch",
        gradient_checkpointing=setup.grad_ckpt,
        quantization="nf4_double_quant" if setup.double_quant else "nf4",
        gpu_vram_gb=setup.device.memory_gib or 80.0,
        override=spec,
        use_network=False,
    )
    memory = estimate(request).memory
    return float(memory.total_estimated_gb - memory.safety_margin_gb)


def ftuneai_gib(setup: TrainingSetup) -> float | None:
    """Its total; None for what it does not model."""
    from ftuneai.core.memory import MemoryEstimator
    from ftuneai.core.models import ModelSpec, TrainingConfig

    if setup.method not in ("full", "lora", "qlora"):
        return None
    dims = setup.dims
    spec = ModelSpec(
        name="row/model",
        parameters=int(dims.params),
        hidden_size=dims.hidden,
        num_layers=dims.n_layers,
        num_attention_heads=dims.heads,
        num_kv_heads=dims.kv_heads,
        intermediate_size=dims.ffn,
        vocab_size=dims.vocab,
        max_seq_length=max(setup.seq_len, 4096),
    )
    config = _ftuneai_config(TrainingConfig, setup)
    return float(MemoryEstimator(spec, config).estimate().total_gb)


def _ftuneai_config(kind: type, setup: TrainingSetup) -> object:
    from ftuneai.core.models import FineTuneMethod, LoRATarget, OptimizerType, Quantization, ShardingStrategy

    targets = {"q,v": LoRATarget.ATTENTION, "attention": LoRATarget.ATTENTION_ALL}
    sharding = {"zero2": ShardingStrategy.ZERO_2, "zero3": ShardingStrategy.ZERO_3}
    return kind(
        model="row/model",
        method=FineTuneMethod(setup.method),
        quantization=Quantization.INT4 if setup.method == "qlora" else Quantization.NONE,
        batch_size=setup.micro_batch,
        seq_length=setup.seq_len,
        gradient_checkpointing=setup.grad_ckpt,
        optimizer=OptimizerType.ADAM_8BIT if "8bit" in setup.optimizer else OptimizerType.ADAMW,
        lora_rank=setup.lora_rank,
        lora_alpha=2 * setup.lora_rank,
        lora_target=targets.get(setup.lora_targets, LoRATarget.ALL_LINEAR),
        flash_attention=setup.flash,
        sharding=sharding.get(setup.sharding, ShardingStrategy.NONE),
        num_gpus=setup.n_gpus,
    )


def accelerate_gib(setup: TrainingSetup) -> float | None:
    """Weights, gradients and Adam in 16-bit mixed precision, as `accelerate estimate-memory` adds them."""
    from accelerate.commands.estimate import estimate_training_usage

    if not setup.trains_all or setup.n_gpus > 1:
        return None
    usage = estimate_training_usage(int(4 * setup.dims.params), mixed_precision="bfloat16")
    return max(float(part) for part in usage.values()) / GIB


ALL = {"canifinetune": canifinetune_gib, "ftuneai": ftuneai_gib, "accelerate": accelerate_gib}
