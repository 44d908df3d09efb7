"""The shipped price catalogue: what it holds, where each figure comes from, and what a customer's own files change."""

from datetime import date
from pathlib import Path

import pytest

from advisor.base.errors import InvalidDataError
from pricing.catalogue import DATA, Catalogue, load_catalogue, read_folder
from pricing.changes import between, compare, overlay, proposals, today_snapshot
from pricing.checks import Severity, check_catalogue, stale_figures
from pricing.upstream import Upstream, read_upstream

TODAY = date(2026, 11, 24)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_current_api_models_have_cached_and_batch_prices(catalogue: Catalogue) -> None:
    needed = ("input_usd_per_mtok", "output_usd_per_mtok", "cached_input_usd_per_mtok", "batch_input_usd_per_mtok")
    complete = [
        model.id
        for model in catalogue.models.values()
        if model.kind == "hosted" and model.status(TODAY) == "open"
        and all(model.price(name, TODAY) is not None for name in needed)
    ]  # fmt: skip
    assert len(complete) >= 12


def test_open_models_have_dimensions_that_give_their_size(catalogue: Catalogue) -> None:
    from pricing.dims import dims_of

    known = [m for m in catalogue.models.values() if m.kind == "open" and m.architecture and m.params_b]
    assert len(known) >= 8
    for model in known:
        dims = dims_of(model)
        counted = dims.linear_params + dims.embedding_params + (0 if dims.tied else dims.head_params)
        if model.tier == "encoder" or dims.attention_layers is not None or dims.n_experts > 1:
            continue
        assert counted / 1e9 == pytest.approx(model.params_b, rel=0.06), model.id


def test_gpus_have_rents_and_specifications(catalogue: Catalogue) -> None:
    rented = [g for g in catalogue.gpus.values() if g.kind == "gpu" and g.rent(TODAY) and g.bf16_tflops]
    assert len(rented) >= 10
    assert all(gpu.memory_gib and gpu.bandwidth_gb_s for gpu in rented)


def test_tuning_services_have_lives(catalogue: Catalogue) -> None:
    assert len(catalogue.tuning) >= 8
    openai = catalogue.tuning["openai"]
    assert openai.status(date(2026, 5, 6)) == "open"
    assert openai.status(TODAY) == "existing customers"
    assert openai.status(date(2027, 1, 7)) == "ended"


def test_retrieval_and_people_are_priced(catalogue: Catalogue) -> None:
    kinds = {item.kind for item in catalogue.retrieval.values()}
    assert kinds == {"embedding", "vector_store", "rerank", "search"}
    assert {person.kind for person in catalogue.people.values()} == {"engineering", "expert", "labelling"}


def test_every_figure_has_source_and_date(catalogue: Catalogue) -> None:
    figures = list(catalogue.values())
    assert len(figures) > 500
    for _, entry, path, value in figures:
        assert value.source.title, (entry.id, path)
        assert value.source.where, (entry.id, path)
        assert date(2020, 1, 1) <= value.checked <= TODAY, (entry.id, path)


def test_the_catalogue_has_no_errors_and_no_slips_of_units(catalogue: Catalogue) -> None:
    serious = [f for f in check_catalogue(catalogue, TODAY) if f.severity is not Severity.INFO]
    assert serious == []


def test_an_announced_price_change_happens_on_its_day(catalogue: Catalogue) -> None:
    found = {(c.id, c.figure): (c.before, c.after) for c in between(catalogue, TODAY, date(2027, 2, 1))}
    assert found["gemini-3.8-flash", "offers[google].input_usd_per_mtok"] == (0.75, 1.5)
    assert ("openai", "serving_until") in found


def test_a_price_nobody_has_is_unknown_and_not_zero(catalogue: Catalogue) -> None:
    assert catalogue.models["qwen3-8b"].price("input_usd_per_mtok", TODAY) is None
    assert catalogue.gpus["apple-m3-ultra"].rent(TODAY) is None


def write(folder: Path, kind: str, name: str, text: str) -> None:
    (folder / kind).mkdir(parents=True, exist_ok=True)
    (folder / kind / f"{name}.yaml").write_text(text)


OWN = "sources:\n  own: {title: our contract, where: contract 7, date: 2026-11-01}\n"


def test_a_customers_price_wins_and_is_marked(tmp_path: Path) -> None:
    write(tmp_path, "models", "gpt-6-sol", f"id: gpt-6-sol\n{OWN}offers:\n"
          "  - {provider: openai, hosting: api, source: own, input_usd_per_mtok: 1.5}\n")  # fmt: skip
    model = load_catalogue(tmp_path).models["gpt-6-sol"]
    price = model.price("input_usd_per_mtok", TODAY)
    assert price is not None
    assert (price.number, price.origin) == (1.5, "customer")
    output = model.price("output_usd_per_mtok", TODAY)
    assert output is not None
    assert output.origin == "catalogue"
    assert "offers.openai.input_usd_per_mtok" in model.overridden


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id: gpt-6-sol\nofers: []\n", "offers"),
        ("id: other\n", "not the file's name"),
        ("id: gpt-6-sol\noffers: [{provider: openai, hosting: api, input_usd_per_mtok: 1}]\n", "no source"),
        (f"id: gpt-6-sol\n{OWN}offers: [{{provider: openai, hosting: api, source: own, input_usd_per_mtok: -1}}]\n",
         "greater than or equal to 0"),
        (f"id: gpt-6-sol\n{OWN}offers: [{{provider: openai, hosting: api, source: own, input_usd_per_mtok: .nan}}]\n",
         "not a usable number"),
    ],
)  # fmt: skip
def test_a_wrong_price_file_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    write(tmp_path, "models", "gpt-6-sol", text)
    with pytest.raises(InvalidDataError) as caught:
        load_catalogue(tmp_path)
    assert says in str(caught.value)
    assert "gpt-6-sol.yaml" in str(caught.value)


def test_stale_figures_are_those_checked_long_ago(catalogue: Catalogue) -> None:
    old = list(stale_figures(catalogue, TODAY, 90))
    assert old
    assert all((TODAY - value.checked).days > 90 for *_, value in old)
    assert len(list(stale_figures(catalogue, TODAY, 30))) >= len(old)


@pytest.fixture(scope="module")
def upstream() -> Upstream:
    pytest.importorskip("genai_prices")
    return read_upstream(TODAY)


def changed_copy(folder: Path, before: str, after: str) -> Catalogue:
    """The shipped models with one text in one file replaced."""
    (folder / "models").mkdir(parents=True)
    for path in (DATA / "models").glob("*.yaml"):
        text = path.read_text()
        if path.stem == "gpt-6-sol":
            assert before in text
            text = text.replace(before, after, 1)
        (folder / "models" / path.name).write_text(text)
    return read_folder(folder)


def test_an_update_proposes_what_differs_and_writes_a_file_that_mends_it(tmp_path: Path, upstream: Upstream) -> None:
    ours = changed_copy(tmp_path / "ours", "output_usd_per_mtok: 10", "output_usd_per_mtok: 8")
    found, missing = proposals(ours, upstream, TODAY)
    assert missing == []
    assert [(c.id, c.before, c.after) for p in found for c in p.changes] == [("gpt-6-sol", 8.0, 10.0)]
    assert not found[0].doubtful
    write(tmp_path / "own", "models", "gpt-6-sol", overlay("gpt-6-sol", found, upstream))
    mended = load_catalogue(tmp_path / "own").models["gpt-6-sol"].price("output_usd_per_mtok", TODAY)
    assert mended is not None
    assert mended.number == 10


def test_a_jump_in_price_is_doubted(tmp_path: Path, upstream: Upstream) -> None:
    ours = changed_copy(tmp_path, "output_usd_per_mtok: 10", "output_usd_per_mtok: 0.01")
    (proposal,) = proposals(ours, upstream, TODAY)[0]
    assert proposal.doubtful
    assert "slip of units" in proposal.changes[0].note


def test_nothing_differs_from_itself(catalogue: Catalogue) -> None:
    assert compare(today_snapshot(catalogue), today_snapshot(catalogue)) == []
