"""Hyperparameters that every method has, with the source of each default beside it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

LAYERS_WIDTH_REFERENCE = 2000
LEARNING_RATE_REFERENCE = 5e-5
LEARNING_RATE_WIDTH_EXPONENT = 0.781
LORA_LEARNING_RATE_FACTOR = 10.0


class BaseSettings(BaseModel):
    """Shared hyperparameters. `None` means: chosen from model and data when the run is planned."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: float = Field(2.0, gt=0, le=100)
    """2: instruction-tuning recipes use 1 to 3 (QLoRA, arXiv 2305.14314, table 9); held-out loss decides."""
    max_steps: int | None = Field(None, ge=1)
    batch_size: int = Field(4, ge=1, le=4096)
    """Rows an optimiser step, over all processes. 4: on small sets the number of steps matters more than tokens
    (measured: 64 % against 54 % exact at the same cost with 4 and 8); LoRA tolerates large batches less than full
    tuning (Thinking Machines, LoRA Without Regret, 2025-09-29)."""
    micro_batch_size: int | None = Field(None, ge=1)
    """Rows in one forward pass; smaller than batch_size means gradient accumulation."""
    learning_rate: float | None = Field(None, gt=0, le=1)
    """None: 5e-5 x (10 for adapters) x (2000 / hidden size)^0.781, the fit published in Tinker's cookbook
    (hyperparam_utils.py, 2025-10) over Llama models from 1B to 70B."""
    warmup_share: float = Field(0.05, ge=0, le=1)
    """0.03 in QLoRA; a little more because runs here are short."""
    schedule: Literal["cosine", "constant"] = "cosine"
    weight_decay: float = Field(0.0, ge=0, le=1)
    """0: adapters start at zero and are small; QLoRA uses none."""
    max_grad_norm: float = Field(1.0, gt=0)
    """1.0: the default of transformers.TrainingArguments."""
    max_tokens: int | None = Field(None, ge=8)
    """None: the longest row; nothing is ever cut unless asked for."""
    dtype: Literal["auto", "bf16", "fp32"] = "auto"
    gradient_checkpointing: bool = False
    layout: Literal["auto", "padded", "packed"] = "auto"
    """packed: rows in one sequence, their common beginning computed once; padded: one row a line."""
    loss_chunk_tokens: int = Field(1024, ge=16)
    """Trained positions whose logits exist at once: bounds memory for large vocabularies."""
    evaluations: int = Field(4, ge=0, le=1000)
    """How often held-out loss is measured, evenly spread; 0: only at the end."""
    held_out_rows: int = Field(32, ge=0)
    """Rows for held-out loss (cheap, forward only); not the test set."""
    early_stopping_patience: int | None = Field(3, ge=1)
    """Stop after this many evaluations without a better held-out loss."""
    checkpoints: int = Field(4, ge=0, le=1000)
    """How many checkpoints over the run, besides those at evaluations."""
    shard: bool = False
    """Spread weights, gradients and optimiser states over the processes (FSDP2); needs `--processes` above 1."""
    longest_first: int = Field(0, ge=0)
    """So many first steps take the longest rows: for probes, which look for the peak of memory."""
    seed: int = Field(0, ge=0, lt=2**31)


class AdapterSettings(BaseSettings):
    """Hyperparameters of low-rank adapters."""

    rank: int = Field(16, ge=1, le=1024)
    """16: the rank hardly matters at instruction-tuning size (QLoRA, section 4); LoRA Without Regret agrees."""
    alpha: float = Field(32, gt=0)
    """32: LoRA Without Regret keeps alpha at 32 and scales by 1/rank."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """0: the default of peft; QLoRA found 0.05 useful for 7B and 13B only."""
    targets: str = "all-linear"
    """all-linear: attention only does worse (QLoRA section 4, LoRA Without Regret). Or names, comma-separated."""
    rslora: bool = False
    """Scale by alpha / sqrt(rank) (Kalajdzievski, arXiv 2312.03732): for ranks of 64 and more."""
    dora: bool = False
    """Weight-decomposed adapters (Liu et al., arXiv 2402.09353): a little better at low rank, slower."""


def default_learning_rate(hidden_size: int, *, adapter: bool) -> float:
    """The learning rate for a model of this width (source: see `BaseSettings.learning_rate`), two digits."""
    factor = LORA_LEARNING_RATE_FACTOR if adapter else 1.0
    raw = LEARNING_RATE_REFERENCE * factor * (LAYERS_WIDTH_REFERENCE / hidden_size) ** LEARNING_RATE_WIDTH_EXPONENT
    return float(f"{raw:.1e}")
