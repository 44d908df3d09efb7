"""QLoRA: LoRA on a base whose frozen weights are 4-bit (Dettmers et al., arXiv 2305.14314).

NF4 with double quantisation as in the paper: about 0.52 bytes a frozen weight, for GPUs that the base would not fit on.
The adapter belongs to the quantised base: merged into the full-precision one it does worse, and it is evaluated and
served on the base that it was trained on.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trainers.methods.shared.job import Job, Outcome
from trainers.methods.shared.preflight import Preflight
from trainers.methods.shared.settings import AdapterSettings, default_learning_rate
from trainers.runs.spec import RunSpec

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TITLE = "QLoRA"
ARTEFACT = "adapter"
ESTIMATE = "qlora"
"""The estimator's name for the method."""


class Settings(AdapterSettings):
    """Hyperparameters of QLoRA."""

    double_quantisation: bool = True
    """Quantise the quantisation constants too: 0.37 bits a weight less (QLoRA, section 3)."""
    gradient_checkpointing: bool = True
    """On: activations are the larger part of the memory once the weights are small."""


def look(spec: RunSpec, project: Path) -> Preflight:
    """The dry look at every row that the plan rests on."""
    from trainers.methods.shared.prepare import look_causal

    return look_causal(spec, project, Settings.model_validate(spec.settings))


def train(job: Job) -> Outcome:
    """Train an adapter on the quantised base; the artefact is `adapter/` in the run folder."""
    import torch

    from trainers.methods.lora import add_adapter
    from trainers.methods.shared.adapter import AdapterTrainee, write_adapter
    from trainers.methods.shared.loop import fit
    from trainers.methods.shared.prepare import prepare, refuse
    from trainers.models.local import load_tokenizer
    from trainers.models.trained import Quantisation

    settings = Settings.model_validate(job.spec.settings)
    tokenizer = load_tokenizer(job.spec.model)
    model = load_quantised(job.spec.model, settings)
    config = model.config.get_text_config()
    data = prepare(job.spec, job.project, tokenizer, settings, getattr(config, "max_position_embeddings", None))
    job.report("preflight", **data.look.model_dump())
    refuse(data.look)

    torch.manual_seed(settings.seed)
    module = add_adapter(model, settings)
    trainee = AdapterTrainee(module, model, tokenizer, data.train, data.held_out, settings)
    if note := trainee.check_against_model():
        job.report("warning", code="plain_loss", text=note, step=None)
    rate = settings.learning_rate or default_learning_rate(config.hidden_size, adapter=True)

    def finish(folder: Path) -> None:
        quantisation = Quantisation(type="nf4", double=settings.double_quantisation)
        write_adapter(folder, trainee, job.spec, quantisation)

    return fit(trainee, settings, job, peak_learning_rate=rate, finish=finish, artefact=ARTEFACT)


def load_quantised(model: str, settings: Settings) -> PreTrainedModel:
    """The base in NF4, its arithmetic in bf16 or fp32 by hardware, on the GPU when there is one."""
    import torch
    from transformers import BitsAndBytesConfig

    from advisor.base.errors import require
    from trainers.models.local import choose_dtype, load_model

    require("bitsandbytes", "train")
    dtype = {"bf16": torch.bfloat16, "fp32": torch.float32}[choose_dtype(settings.dtype)]
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=settings.double_quantisation,
        bnb_4bit_compute_dtype=dtype,
    )
    loaded = load_model(model, settings.dtype, quantization=config)
    keep_gradients_right(loaded)
    return loaded


def keep_gradients_right(model: PreTrainedModel) -> None:
    """Stop bitsandbytes from repacking 4-bit weights for inference on CPUs with AVX512-BF16.

    Its first forward pass in evaluation mode would repack them, and training after it would go through a kernel without
    a gradient: the loss stays where it is and nothing fails (bitsandbytes 0.50.2; gradients of a cosine of 0.01 to 0.17
    with the true ones).
    """
    import bitsandbytes

    for layer in model.modules():
        if isinstance(layer, bitsandbytes.nn.Linear4bit):
            layer.support_avx512bf16_for_cpu = False
