"""Reads the price catalogue: ours, then the customer's folders, which replace entries or single fields by id."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import create_model

from advisor.base.errors import InvalidDataError
from advisor.base.yamlfile import load_model
from pricing.entries import Gpu, LatencyPrior, Model, Offer, PeopleCost, RetrievalItem, TuningService
from pricing.values import Block, Entry, Origin, Value, reading_for

DATA = Path(__file__).parent / "data"
KINDS: dict[str, type[Entry]] = {
    "models": Model,
    "gpus": Gpu,
    "tuning": TuningService,
    "retrieval": RetrievalItem,
    "people": PeopleCost,
    "latency": LatencyPrior,
}
AnyEntry = TypeVar("AnyEntry", bound=Entry)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every entry by id; an entry's `origin` and `overridden` tell what the customer added or changed."""

    models: dict[str, Model] = field(default_factory=dict)
    gpus: dict[str, Gpu] = field(default_factory=dict)
    tuning: dict[str, TuningService] = field(default_factory=dict)
    retrieval: dict[str, RetrievalItem] = field(default_factory=dict)
    people: dict[str, PeopleCost] = field(default_factory=dict)
    latency: dict[str, LatencyPrior] = field(default_factory=dict)

    def find_model(self, name: str) -> Model:
        """The model with this id, name or alias. Raises `InvalidDataError` with a "did you mean" otherwise."""
        return find(self.models, name, "model")

    def find_gpu(self, name: str) -> Gpu:
        """The GPU with this id, name or device string (`NVIDIA A100-SXM4-80GB`); never a near match."""
        return find(self.gpus, name, "GPU")

    def latency_of(self, model: Model, name: str, on: date, *, serverless: bool = False) -> Value | None:
        """A latency figure (`ttft_p50_ms`, `ttft_p95_ms`, `output_tokens_per_s`): the model's own, else its class's."""
        own = model.latency.price(name, on) if model.latency else None
        prior = self.latency.get("serverless" if serverless or model.kind == "open" else model.tier)
        return own or (prior.price(name, on) if prior else None)

    def entries(self) -> Iterator[tuple[str, Entry]]:
        """(kind, entry) of everything."""
        for kind in KINDS:
            for entry in getattr(self, kind).values():
                yield kind, entry

    def values(self) -> Iterator[tuple[str, Entry, str, Value]]:
        """(kind, entry, path of the figure, value) of every figure."""
        for kind, entry in self.entries():
            for path, value in figures_in(entry):
                yield kind, entry, path, value

    @property
    def prices_date(self) -> date | None:
        """The day the newest figure was checked."""
        return max((value.checked for *_, value in self.values()), default=None)

    @property
    def oldest(self) -> date | None:
        """The day the oldest figure was checked."""
        return min((value.checked for *_, value in self.values()), default=None)


def figures_in(block: Block, prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Every figure of a block and of the blocks inside it, with a readable path."""
    for name, values in block.figures().items():
        for value in values:
            yield prefix + name, value
    for name in type(block).model_fields:
        part = getattr(block, name)
        parts = part if isinstance(part, tuple) else (part,)
        for i, inner in enumerate(parts):
            if isinstance(inner, Block):
                yield from figures_in(inner, f"{prefix}{name}[{block_label(inner, i)}].")


def block_label(block: Block, position: int) -> str:
    """What a reader would call the block: its provider, model or position."""
    parts = [getattr(block, key, None) for key in ("provider", "model", "sku", "above_tokens", "start")]
    price_type = getattr(block, "price_type", "on_demand")
    return " ".join(str(p) for p in (*parts, price_type if price_type != "on_demand" else None) if p) or str(position)


def load_catalogue(*extra: Path) -> Catalogue:
    """Our catalogue with the customer's folders on top. Raises `InvalidDataError` naming file and line.

    A folder holds `models/`, `gpus/`, `tuning/`, `retrieval/`, `people/` (any of them); a file is named after its id.
    A file whose id is ours may give only the fields it changes.
    """
    catalogue = _shipped()
    for folder in extra:
        catalogue = _overlay(catalogue, folder)
    return catalogue


@cache
def _shipped() -> Catalogue:
    return read_folder(DATA)


def read_folder(folder: Path) -> Catalogue:
    """A whole catalogue from one folder, each file complete in itself."""
    found: dict[str, dict[str, Any]] = {}
    for kind, model in KINDS.items():
        files = price_files(folder, kind)
        found[kind] = {path.stem: read_entry(path, model) for path in files}
        _unique_names(found[kind].values())
    return Catalogue(**found)


def price_files(folder: Path, kind: str) -> list[Path]:
    """The YAML files of one kind, in order."""
    return sorted((folder / kind).glob("*.yaml"))


def read_entry(path: Path, model: type[AnyEntry], origin: Origin = "catalogue") -> AnyEntry:
    """One entry; its id must be the file's name."""
    with reading_for(origin):
        entry = load_model(path, model)
    if entry.id != path.stem:
        raise InvalidDataError(
            f"the id {entry.id!r} is not the file's name", where=str(path), fix=f"name the file {entry.id}.yaml"
        )
    return entry


def _unique_names(entries: Any) -> None:
    taken: dict[str, str] = {}
    for entry in entries:
        for name in names_of(entry):
            key = fold(name)
            if taken.setdefault(key, entry.id) != entry.id:
                raise InvalidDataError(
                    f"{name!r} names both {taken[key]!r} and {entry.id!r}",
                    where="price catalogue",
                    fix="drop one alias",
                )


def names_of(entry: Entry) -> tuple[str, ...]:
    """Every name an entry answers to."""
    return (entry.id, entry.name, *getattr(entry, "aliases", ()))


def fold(name: str) -> str:
    """Names compare without case and with single spaces; nothing else is forgiven."""
    return " ".join(name.lower().split())


def find(entries: dict[str, AnyEntry], name: str, what: str) -> AnyEntry:
    """The entry called exactly that (id, name or alias; case does not matter)."""
    if name in entries:
        return entries[name]
    wanted = fold(name)
    for entry in entries.values():
        if any(fold(known) == wanted for known in names_of(entry)):
            return entry
    raise InvalidDataError(f"no {what} called {name!r} in the price catalogue", fix=_suggest(entries, name, what))


def _suggest(entries: dict[str, AnyEntry], name: str, what: str) -> str:
    from difflib import get_close_matches

    names = {fold(known): entry.id for entry in entries.values() for known in names_of(entry)}
    close = list(dict.fromkeys(names[hit] for hit in get_close_matches(fold(name), names, n=5, cutoff=0.5)))[:3]
    if close:
        return f"did you mean {' or '.join(map(repr, close))}? Near matches are never taken silently"
    return f"`advisor prices list` shows every {what}; docs/prices.md shows how to add one"


def _overlay(catalogue: Catalogue, folder: Path) -> Catalogue:
    if not folder.is_dir():
        return catalogue
    known_folders = {*KINDS}
    for child in sorted(folder.iterdir()):
        if child.is_dir() and child.name not in known_folders and not child.name.startswith("."):
            raise InvalidDataError(
                f"no kind of price called {child.name!r}", where=str(child), fix=f"use one of {', '.join(KINDS)}"
            )
        if child.suffix == ".yaml":
            raise InvalidDataError(
                "a price file must lie in the folder of its kind", where=str(child), fix=f"one of {', '.join(KINDS)}"
            )
    merged: dict[str, dict[str, Any]] = {}
    for kind, model in KINDS.items():
        merged[kind] = dict(getattr(catalogue, kind))
        for path in price_files(folder, kind):
            ours = merged[kind].get(path.stem)
            if ours is None:
                merged[kind][path.stem] = read_entry(path, model, "customer")
            else:
                merged[kind][path.stem] = _patched(ours, read_entry(path, _patch_of(model), "customer"), path)
        _unique_names(merged[kind].values())
    return Catalogue(**merged)


@cache
def _patch_of(model: type[Entry]) -> type[Entry]:
    """The same model with every field but `id` optional, for a file that changes some fields of an entry."""
    fields: dict[str, Any] = {
        name: (info.annotation | None if info.annotation else Any, None)
        for name, info in model.model_fields.items()
        if info.is_required() and name != "id"
    }
    return create_model(f"{model.__name__}Patch", __base__=model, **fields)


_LISTS = {
    "offers": ("provider", "hosting"),
    "rents": ("provider", "sku", "segment", "price_type"),
    "models": ("model",),
}


def _patched(ours: AnyEntry, patch: Entry, path: Path) -> AnyEntry:
    """`ours` with the fields that `patch` sets; lists of blocks are merged by their key."""
    changed: list[str] = []
    update: dict[str, Any] = {"origin": "customer"}
    for name in sorted(patch.model_fields_set - {"id", "origin", "overridden", "source"}):
        new = getattr(patch, name)
        if name == "sources":
            update[name] = {**ours.sources, **new}
        elif name in _LISTS:
            update[name] = _merge_blocks(getattr(ours, name), new, _LISTS[name], name, changed)
        else:
            update[name] = new
            changed.append(name)
    update["overridden"] = tuple(changed)
    return ours.model_copy(update=update)


def _merge_blocks(
    ours: tuple[Block, ...], new: tuple[Block, ...], keys: tuple[str, ...], name: str, changed: list[str]
) -> tuple[Block, ...]:
    """The customer's blocks first (they are what the customer pays), then ours that they do not replace."""
    key_of = {id(block): tuple(getattr(block, key) for key in keys) for block in (*ours, *new)}
    base = {key_of[id(block)]: block for block in ours}
    merged: list[Block] = []
    for block in new:
        given = block.model_fields_set
        changed.extend(f"{name}.{key_of[id(block)][0]}.{part}" for part in sorted(given - {*keys, "source"}))
        old = base.pop(key_of[id(block)], None)
        merged.append(block if old is None else old.model_copy(update={part: getattr(block, part) for part in given}))
    return (*merged, *base.values())


__all__ = ["Catalogue", "Gpu", "Model", "Offer", "PeopleCost", "RetrievalItem", "TuningService", "load_catalogue"]
