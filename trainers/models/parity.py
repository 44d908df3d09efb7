"""Do the exported forms of a model answer as the trained one does? Same prompts, greedy, compared answer by answer.

Where two answers part, the models' own probabilities tell why: a tie that rounding turned (both words about as likely,
to both models) is counted and shown; a word that the trained model is sure of is a mismatch, and so are another
template, other end tokens, and answers that the exported model finds otherwise likely than the trained one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trainers.data.tools import Tools, as_answer, for_protocol
from trainers.models.likelihood import answer_logprobs, first_difference, mean_drift, preference
from trainers.models.template import render

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Rounding:
    """What rounding may do, in nats."""

    tie: float
    """A word is as likely as another up to here."""
    drift: float
    """Mean difference of the log-probabilities of the trained model's answers."""


ROUNDING = {"fp32": Rounding(0.02, 0.005), "bf16": Rounding(0.5, 0.05), "q8_0": Rounding(0.75, 0.1)}
"""bf16 has 8 bits: logits between 16 and 32 stand 0.125 apart. Measured with LoRA of a 135M model (2026-11-25): answers
of the merged model, in bf16 or fp32, part where two words are at most 0.25 nats apart, and the drift is 0.004; an
adapter scaled by 0.9 parts at up to 0.6 and by 0.8 at up to 1.1 (drift 0.03)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One answer that is not the trained model's."""

    trained: str
    exported: str
    margin_nats: float | None
    """How much one of the two models prefers its own word where they part; None when that cannot be told."""
    ends_differ: bool = False
    """Whether one of them ended by itself and the other was cut off."""


@dataclass(frozen=True, slots=True)
class Parity:
    """One exported form against the trained model."""

    form: str
    prompts: int
    differences: tuple[Difference, ...]
    template_differs: bool
    end_tokens_differ: bool
    drift_nats: float | None = None
    """Mean difference of the log-probabilities of the trained model's answers; None for a server."""
    rounding: Rounding = ROUNDING["bf16"]

    @property
    def same_answers(self) -> int:
        return self.prompts - len(self.differences)

    @property
    def ties(self) -> int:
        """Differences that rounding explains."""
        return sum(self._is_tie(difference) for difference in self.differences)

    @property
    def match_share(self) -> float:
        return self.same_answers / self.prompts if self.prompts else 1.0

    def _is_tie(self, difference: Difference) -> bool:
        return difference.margin_nats is not None and difference.margin_nats <= self.rounding.tie

    @property
    def problems(self) -> list[str]:
        """What is wrong, in words; empty when the forms agree."""
        found = []
        if self.template_differs:
            found.append("the chat template renders prompts differently")
        if self.end_tokens_differ:
            found.append("answers end with other tokens")
        real = [difference for difference in self.differences if not self._is_tie(difference)]
        if texts := [difference for difference in real if difference.trained != difference.exported]:
            found.append(f"only {self.prompts - len(texts)} of {self.prompts} answers are the same{_sure(texts)}")
        if ends := sum(difference.ends_differ for difference in real):
            found.append(f"{ends} answers end in one form and run on in the other")
        if self.drift_nats is not None and self.drift_nats > self.rounding.drift:
            found.append(
                f"it finds the trained model's answers otherwise likely, by {self.drift_nats:.2g} nats a token"
            )
        return found

    @property
    def in_words(self) -> str:
        """One line for people."""
        text = f"{self.form}: {self.same_answers} of {self.prompts} answers are the trained model's"
        if not self.ties:
            return text
        widest = max(d.margin_nats or 0.0 for d in self.differences if self._is_tie(d))
        part = "parts" if self.ties == 1 else "part"
        return f"{text}; {self.ties} {part} from it at a tie, by rounding (two words within {widest:.2f} nats)"

    def as_json(self) -> dict[str, Any]:
        """For files and programs; of the differences the first three."""
        counted = {"same_answers": self.same_answers, "ties": self.ties, "match_share": round(self.match_share, 4)}
        shown = {"differences": [asdict(difference) for difference in self.differences[:_SHOWN]]}
        return {**asdict(self), **counted, **shown, "problems": self.problems, "in_words": self.in_words}


def _sure(real: Sequence[Difference]) -> str:
    widest = max((difference.margin_nats or 0.0 for difference in real), default=0.0)
    return f", and not for rounding (two words {widest:.2g} nats apart)" if widest else ""


@dataclass(frozen=True, slots=True)
class Spoken:
    """The answers of one form."""

    texts: tuple[str, ...]
    ended: tuple[bool, ...]
    rendered: tuple[str, ...] | None
    """The prompts as text; None when the form does not show them (a server)."""
    end_tokens: tuple[int, ...] | None
    tokens: tuple[tuple[int, ...] | None, ...] = ()
    """Of each answer, with the one that ended it; None where they are not known."""


class Judge:
    """The trained model and its answers; says of an exported form why it answers otherwise."""

    def __init__(self, model: Any, tokenizer: Any, trained: Spoken) -> None:
        self.model = model
        self.trained = trained
        rendered = trained.rendered or ()
        self._prompts = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in rendered]
        self._own = self.scores(model)

    def scores(self, model: Any) -> list[list[float]]:
        """What a model makes of the trained model's answers."""
        pairs = zip(self._prompts, self.trained.tokens, strict=True)
        return [answer_logprobs(model, prompt, tokens or ()) for prompt, tokens in pairs]

    def drift(self, model: Any) -> float | None:
        """How far another model is from the trained one, on the trained model's answers."""
        return mean_drift(self._own, self.scores(model))

    def margin(self, place: int, other: tuple[int, ...] | None, model: Any | None) -> float | None:
        """The larger of the two models' preferences for their own word where the answers part."""
        own = self.trained.tokens[place]
        if own is None or other is None or (parting := first_difference(own, other)) is None:
            return None
        prompt, so_far, word, instead = self._prompts[place], own[:parting], own[parting], other[parting]
        found = [preference(self.model, prompt, so_far, word, instead)]
        if model is not None:
            found.append(preference(model, prompt, so_far, instead, word))
        return max(0.0, *found)


def compare(
    form: str,
    trained: Spoken,
    exported: Spoken,
    *,
    judge: Judge | None = None,
    model: Any | None = None,
    rounding: Rounding = ROUNDING["bf16"],
) -> Parity:
    """How far an exported form agrees with the trained model. Without a judge no difference counts as rounding."""
    both = zip(trained.texts, exported.texts, trained.ended, exported.ended, strict=True)
    differences = []
    for place, (own, other, own_end, other_end) in enumerate(both):
        if own != other or own_end != other_end:
            tokens = exported.tokens[place] if exported.tokens else None
            margin = judge.margin(place, tokens, model) if judge else None
            rounded = None if margin is None else round(margin, 4)
            differences.append(Difference(own, other, rounded, own_end != other_end))
    drift = judge.drift(model) if judge is not None and model is not None else None
    return Parity(
        form=form,
        prompts=len(trained.texts),
        differences=tuple(differences),
        template_differs=exported.rendered is not None and exported.rendered != trained.rendered,
        end_tokens_differ=exported.end_tokens is not None and set(exported.end_tokens) != set(trained.end_tokens or ()),
        drift_nats=None if drift is None else round(drift, 5),
        rounding=rounding,
    )


def speak(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[list[dict[str, Any]]],
    max_new_tokens: int,
    tools: Sequence[Tools] | None = None,
) -> Spoken:
    """Greedy answers of a local model. `tools`: one entry a prompt."""
    from trainers.evaluation.generate import LocalModel

    local = LocalModel("model", model, tokenizer)
    given = tools or [()] * len(prompts)
    found: dict[int, Any] = {}
    for batch in local.answers(list(prompts), max_new_tokens=max_new_tokens, tools=given):
        found.update(batch)
    answers = [found[place] for place in range(len(prompts))]
    pairs = list(zip(prompts, given, strict=True))
    return Spoken(
        tuple(as_answer(answer.text, own) for answer, (_, own) in zip(answers, pairs, strict=True)),
        tuple(answer.ended for answer in answers),
        tuple(render(tokenizer, prompt, own, answer_next=True) for prompt, own in pairs),
        tuple(local.end_tokens),
        tuple(answer.tokens for answer in answers),
    )


def speak_served(
    url: str,
    name: str,
    prompts: Sequence[list[dict[str, Any]]],
    max_new_tokens: int,
    tools: Sequence[Tools] | None = None,
    *,
    tokenizer: Any | None = None,
    end_token: int | None = None,
) -> Spoken:
    """Greedy answers of a server that speaks the OpenAI protocol. Raises `CouldNotError` when it does not answer.

    With a tokenizer and its end token the tokens of what was written as text are told, too.
    """
    from advisor.base.errors import CouldNotError, require

    require("openai", "api")
    import openai

    from trainers.evaluation.tool_answers import as_served

    texts, ended, tokens = [], [], []
    try:
        # A local server wants no key, but the client wants something to send.
        with openai.OpenAI(base_url=url, api_key="none", max_retries=2, timeout=120) as client:
            for prompt, own in zip(prompts, tools or [()] * len(prompts), strict=True):
                extra: dict[str, Any] = {"tools": [dict(tool) for tool in own]} if own else {}
                asked: Any = for_protocol(prompt)
                done = client.chat.completions.create(
                    model=name, messages=asked, temperature=0, max_tokens=max_new_tokens, **extra
                )
                choice = done.choices[0]
                texts.append(as_served(choice.message, own))
                ended.append(choice.finish_reason in ("stop", "tool_calls"))
                raw = None if choice.message.tool_calls else choice.message.content
                tokens.append(_tokens(raw, ended[-1], tokenizer, end_token))
    except openai.OpenAIError as error:
        raise CouldNotError(f"the served model does not answer: {error}", where=url, fix="start it first") from None
    return Spoken(tuple(texts), tuple(ended), None, None, tuple(tokens))


def _tokens(text: str | None, ended: bool, tokenizer: Any | None, end_token: int | None) -> tuple[int, ...] | None:
    if tokenizer is None or end_token is None or text is None:
        return None
    found: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return tuple([*found, end_token] if ended else found)
