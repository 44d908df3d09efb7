"""Ids of the engine as people read them."""

from advisor.decision.result import OptionResult, Spread

_APPROACHES = {
    "keep_current": "keep what runs today",
    "swap_model": "same prompt, other model",
    "prompting": "optimised prompt",
    "few_shot_retrieval": "retrieved examples in the prompt",
    "long_context": "whole documents in the prompt",
    "rag": "RAG",
    "encoder": "fine-tuned encoder",
    "lora": "LoRA",
    "qlora": "QLoRA",
    "full": "full fine-tuning",
    "api_tuning": "fine-tuning by a vendor",
    "rag_plus_ft": "RAG + fine-tuning",
}
_CLASSES = {
    "keep_current": "keep what runs today",
    "prompting": "prompting",
    "rag": "RAG",
    "fine_tuning": "fine-tuning",
    "rag_plus_ft": "RAG + fine-tuning",
}
_HOSTINGS = {
    "api": "vendor's API",
    "serverless": "serverless",
    "rented_gpu": "rented GPUs",
    "owned_gpu": "own GPUs",
    "cpu": "own processors",
    "current": "as today",
}


def approach(option: OptionResult) -> str:
    """How the job is done."""
    return approach_name(option.approach)


def approach_name(name: str) -> str:
    """An approach's id in words."""
    return _APPROACHES.get(name, name.replace("_", " "))


def approach_class(option: OptionResult) -> str:
    """Prompting, RAG, fine-tuning or both."""
    return _CLASSES.get(option.approach_class, option.approach_class.replace("_", " "))


def hosting(option: OptionResult) -> str:
    """Where it runs."""
    return _HOSTINGS.get(option.hosting, option.hosting.replace("_", " "))


def plain(value: object) -> str:
    """An answer as text: booleans in words, lists and ranges written out."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, dict):
        if set(value) == {"low", "high"}:
            return f"{plain(value['low'])} to {plain(value['high'])}"
        return ", ".join(f"{key} {plain(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(plain(part) for part in value) or "none"
    return str(value)


def payback(option: OptionResult, horizon_months: int) -> tuple[Spread | str | None, str]:
    """The payback month and a remark: `never` is said in words, and so is a range whose end lies beyond the horizon."""
    chance = option.break_even_probability
    if option.break_even_month is None:
        if chance is None:
            return None, ""
        return "not in most futures", f"within {horizon_months} months in {chance:.0%} of them"
    if chance is not None and chance < 0.9:
        return option.break_even_month, f"not within {horizon_months} months in {1 - chance:.0%} of futures"
    return option.break_even_month, ""
