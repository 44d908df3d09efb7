"""Retrieval as options are priced with it: embedding, store, reranking; hosted where data may leave, local otherwise.

once         corpus tokens x embedding price (nothing for an index that runs today)
a request    the query's embedding + one reranking
a month      the store + a tenth of the corpus re-embedded at each change
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from advisor.decision.account import Line

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from advisor.decision.options import Option
    from advisor.decision.world import World
    from pricing.catalogue import Catalogue
    from pricing.values import Value

    Amount = NDArray[np.float64] | float

EMBEDDING, STORE, RERANK = "text-embedding-3-small", "turbopuffer-launch", "bedrock-rerank"
QUERY_TOKENS = 60.0
CHANGED_SHARE = 0.1
MOST_CHANGES_PER_MONTH = 30.0
DAYS_PER_MONTH = 30.4375
LOCAL_MACHINE = "cpu-4vcpu"
HOURS_PER_MONTH = 730.0
LATENCY_MS = (200.0, 900.0)
"""P10 and P90 of what embedding the query, searching and reranking add to the p95 answer."""
LOCAL_LATENCY_MS = (80.0, 300.0)
"""The same on own machines: a small encoder (10 to 100 ms), an index in memory, a small reranker (40 to 200 ms)."""
EXAMPLES_LATENCY_MS = (20.0, 120.0)


@dataclass(frozen=True, slots=True)
class RetrievalSetup:
    """The prices of one usual set-up."""

    embedding_usd_per_mtok: float
    store_usd_per_month: float
    rerank_usd_per_search: float
    basis: str
    sources: tuple[str, ...]

    def lines(self, world: World, option: Option, input_tokens: Amount) -> list[Line]:
        """Retrieval's lines in an option's account."""
        if option.approach == "few_shot_retrieval":
            return [
                Line(
                    "retrieval",
                    "Looking up examples",
                    lambda: "one query embedding a request; the examples fit in memory",
                    "estimated",
                    per_request=input_tokens * self.embedding_usd_per_mtok / 1e6,
                    sources=self.sources,
                )
            ]
        corpus = world.number("knowledge.corpus_tokens", 5_000_000.0)
        index = corpus * self.embedding_usd_per_mtok / 1e6
        return [
            Line(
                "retrieval",
                "Index, search and re-indexing",
                lambda: f"{self.basis}; a tenth of the documents embedded again at each change",
                "estimated",
                once=0.0 if option.approach == "swap_model" else index,
                per_request=QUERY_TOKENS * self.embedding_usd_per_mtok / 1e6 + self.rerank_usd_per_search,
                per_month=self.store_usd_per_month + CHANGED_SHARE * index * _changes_per_month(world),
                sources=self.sources,
            )
        ]


def latency_ms(world: World, option: Option) -> Amount:
    """What looking things up adds to the p95 answer."""
    if not option.retrieval:
        return world.lognormal("latency.retrieval", *EXAMPLES_LATENCY_MS)
    span = LOCAL_LATENCY_MS if option.attributes["self_hosted"] else LATENCY_MS
    return world.lognormal("latency.retrieval", *span)


def _changes_per_month(world: World) -> Amount:
    changing = np.asarray(world.facts.get("knowledge.source") == "changing_corpus")
    interval = np.maximum(world.number("knowledge.change_interval_days", 90.0), 1.0)
    return np.where(changing, np.minimum(DAYS_PER_MONTH / interval, MOST_CHANGES_PER_MONTH), 0.0)


def hosted_retrieval(catalogue: Catalogue, on: date) -> RetrievalSetup | None:
    """A small embedding model, a hosted store and a reranker at the prices of the day; None when one is unknown."""
    embedding = catalogue.retrieval[EMBEDDING].price("usd_per_mtok", on)
    store = catalogue.retrieval[STORE].price("minimum_usd_per_month", on)
    rerank = catalogue.retrieval[RERANK].price("usd_per_1k_searches", on)
    if embedding is None or store is None or rerank is None:
        return None
    basis = (
        f"embedding ${embedding.number:g} per million tokens, store from ${store.number:g} a month, "
        f"reranking ${rerank.number:g} per 1,000"
    )
    sources = tuple(map(_where, (embedding, store, rerank)))
    return RetrievalSetup(embedding.number, store.number, rerank.number / 1000.0, basis, sources)


def local_retrieval(catalogue: Catalogue, on: date) -> RetrievalSetup | None:
    """A small encoder, an embedded store and a local reranker on one CPU machine; None when its rent is unknown."""
    rent = catalogue.gpus[LOCAL_MACHINE].rent(on)
    if rent is None:
        return None
    monthly = rent.number * HOURS_PER_MONTH
    basis = f"embedding, store and reranking on one {catalogue.gpus[LOCAL_MACHINE].name}, ${monthly:,.0f} a month"
    return RetrievalSetup(0.0, monthly, 0.0, basis, (_where(rent),))


def _where(value: Value) -> str:
    return f"{value.source.title}, {value.source.where} ({value.checked})"
