"""The dimensions of a transformer and what follows from them: parameters, cache bytes, arithmetic per token.

    attention parameters of a layer  = hidden * head_dim * (2 * heads + 2 * kv_heads)
    feed-forward parameters          = (3 if gated else 2) * hidden * ffn          (of one expert, in a mixture)
    linear parameters                = n_layers * (attention + experts * feed-forward + hidden * experts)
    embedding parameters             = vocab * hidden, once more for an untied output head
    cache bytes of one token         = 2 * attention_layers * kv_heads * head_dim * bytes of an element
    forward arithmetic of one token  = 2 * (linear parameters in use + output head) + 2 * 2 * heads * head_dim * context

Sources: Kaplan et al. 2020, arXiv:2001.08361, table 1 (parameters and FLOPs of a transformer); Ainslie et al. 2023,
arXiv:2305.13245 (grouped-query attention); Shazeer 2020, arXiv:2002.05202 (gated feed-forward layers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pricing.entries import Architecture, Model


@dataclass(frozen=True, slots=True)
class Dims:
    """A transformer's dimensions; `params` and `active_params` are counts, stated ones where they are known."""

    n_layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int
    gated_mlp: bool = True
    tied: bool = False
    n_experts: int = 1
    experts_per_token: int = 1
    attention_layers: int | None = None
    sliding_window: int | None = None
    rms_norm: bool = True
    softcapped: bool = False
    """Whether attention scores are soft-capped, which rules the fused attention kernels out."""
    kv_elements_per_layer: int | None = None
    """Cache elements that one token leaves in one layer, where it is not 2 * kv_heads * head_dim (latent attention)."""
    stated_params: float | None = None
    stated_active_params: float | None = None
    guessed: bool = False
    """Whether the dimensions were guessed from the parameter count alone."""

    @property
    def attention_params(self) -> int:
        """Of one layer."""
        return self.hidden * self.head_dim * 2 * (self.heads + self.kv_heads)

    @property
    def expert_params(self) -> int:
        """Of one feed-forward block (one expert) of one layer."""
        return (3 if self.gated_mlp else 2) * self.hidden * self.ffn

    @property
    def router_params(self) -> int:
        """Of one layer; none in a dense model."""
        return self.hidden * self.n_experts if self.n_experts > 1 else 0

    @property
    def linear_params(self) -> int:
        """All matrices of all layers, every expert."""
        return self.n_layers * (self.attention_params + self.n_experts * self.expert_params + self.router_params)

    @property
    def active_linear_params(self) -> int:
        """The matrices that one token passes through."""
        return self.n_layers * (
            self.attention_params + self.experts_per_token * self.expert_params + self.router_params
        )

    @property
    def embedding_params(self) -> int:
        """The input embedding."""
        return self.vocab * self.hidden

    @property
    def head_params(self) -> int:
        """The output head; the same matrix as the input embedding when tied."""
        return self.vocab * self.hidden

    @property
    def params(self) -> float:
        """All parameters: the stated count, else from the dimensions."""
        stored = self.linear_params + self.embedding_params + (0 if self.tied else self.head_params)
        return self.stated_params or float(stored + self.n_layers * 2 * self.hidden)

    @property
    def active_params(self) -> float:
        """Parameters that one token passes through, the output head with them, the input embedding not."""
        if self.stated_active_params is not None:
            return self.stated_active_params
        if self.n_experts > 1 or self.stated_params is None:
            return float(self.active_linear_params + self.head_params)
        return self.stated_params - (0 if self.tied else self.embedding_params)

    def kv_bytes_per_token(self, element_bytes: float = 2.0) -> float:
        """Bytes of keys and values that one token leaves in the cache."""
        layers = self.attention_layers or self.n_layers
        return layers * (self.kv_elements_per_layer or 2 * self.kv_heads * self.head_dim) * element_bytes


def dims_of(model: Model) -> Dims:
    """The dimensions of a catalogue model; guessed from its size when only that is known.

    Raises `ValueError` when neither dimensions nor a parameter count are known.
    """
    params = model.params_b * 1e9 if model.params_b else None
    active = model.active_params_b * 1e9 if model.active_params_b else None
    if model.architecture is not None:
        return from_architecture(model.architecture, params, active)
    if params is None:
        raise ValueError(f"neither dimensions nor a parameter count of {model.id} are known")
    return guess_dims(params, active)


def from_architecture(arch: Architecture, params: float | None = None, active: float | None = None) -> Dims:
    """Dimensions from a catalogue architecture, with stated counts where they are known."""
    return Dims(
        n_layers=arch.n_layers,
        hidden=arch.hidden,
        heads=arch.heads,
        kv_heads=arch.kv_heads,
        head_dim=arch.head_dim,
        ffn=arch.ffn,
        vocab=arch.vocab,
        gated_mlp=arch.gated_mlp,
        tied=arch.tied,
        n_experts=arch.n_experts or 1,
        experts_per_token=arch.experts_per_token or 1,
        attention_layers=arch.attention_layers,
        sliding_window=arch.sliding_window,
        stated_params=params,
        stated_active_params=active,
    )


_LLAMA_SHAPES = ((0.5e9, 24, 1024), (1.5e9, 24, 2048), (4e9, 32, 2560), (8e9, 32, 4096), (14e9, 40, 5120),
                 (33e9, 60, 6656), (70e9, 80, 8192), (200e9, 96, 12288), (405e9, 126, 16384))  # fmt: skip


def guess_dims(params: float, active: float | None = None) -> Dims:
    """A Llama-like shape of about that many parameters (active ones, in a mixture of experts).

    Layers and width are those of the nearest published shape on a logarithmic scale (Touvron et al. 2023,
    arXiv:2302.13971, table 2, and later models); the counts stay as stated.
    """
    size = active or params
    _, layers, hidden = min(_LLAMA_SHAPES, key=lambda shape: max(shape[0] / size, size / shape[0]))
    heads = max(1, hidden // 128)
    return Dims(
        n_layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=max(1, min(8, heads)),
        head_dim=128,
        ffn=int(3.2 * hidden),
        vocab=128_000 if size > 2e9 else 64_000,
        stated_params=params,
        stated_active_params=active or params,
        guessed=True,
    )
