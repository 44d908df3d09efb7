"""What rules may ask about an option: the `option.*` names, their types and values. The engine fills them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

APPROACHES = (
    "keep_current",
    "swap_model",
    "prompting",
    "few_shot_retrieval",
    "long_context",
    "rag",
    "encoder",
    "lora",
    "qlora",
    "full",
    "api_tuning",
    "rag_plus_ft",
)
APPROACH_CLASSES = ("prompting", "rag", "fine_tuning", "rag_plus_ft", "keep_current")
TRAININGS = ("none", "lora", "qlora", "full", "encoder", "api_tuning")
HOSTINGS = ("api", "serverless", "rented_gpu", "owned_gpu", "cpu", "current")
TIERS = ("frontier", "mid", "small_hosted", "open_large", "open_mid", "open_small", "tiny", "encoder")


@dataclass(frozen=True, slots=True)
class OptionName:
    """One `option.*` name."""

    type: Literal["bool", "number", "text"]
    meaning: str
    choices: tuple[str, ...] = ()


OPTION_NAMES: dict[str, OptionName] = {
    "option.approach": OptionName("text", "how the job is done", APPROACHES),
    "option.approach_class": OptionName("text", "the class of the approach", APPROACH_CLASSES),
    "option.training": OptionName("text", "what is trained", TRAININGS),
    "option.hosting": OptionName("text", "where it runs", HOSTINGS),
    "option.hosted": OptionName("bool", "the requests leave the house"),
    "option.self_hosted": OptionName("bool", "it runs on rented or owned machines of your own"),
    "option.tier": OptionName("text", "strength of the base model", TIERS),
    "option.open_weights": OptionName("bool", "the weights can be had"),
    "option.params_b": OptionName("number", "parameters of the base model, in billions"),
    "option.model_year": OptionName("number", "year in which the base model came out"),
    "option.context_tokens": OptionName("number", "window of the base model, in tokens"),
    "option.distilled": OptionName("bool", "a teacher model writes the training labels"),
    "option.labels_used": OptionName("number", "labelled examples used for training or as the pool of examples"),
    "option.gpus": OptionName("number", "GPUs used"),
    "option.gpu_memory_gib": OptionName("number", "memory of one of these GPUs, in GiB"),
    "option.training_memory_gib": OptionName("number", "memory that a training run of your own may use, in GiB"),
    "option.retrieval": OptionName("bool", "passages are retrieved into the prompt"),
    "option.long_context": OptionName("bool", "the documents are put whole into the prompt"),
    "option.vendor": OptionName("text", "who sells the model or the tuning"),
}
