"""The report as data: JSON with its schema, CSV and Parquet tables, charts that plotly accepts."""

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
from report_calls import NAMES, Made, invoke

from advisor.decision.result import Spread
from advisor.reports.blocks import BarChart, Column, Kind, Table
from advisor.reports.charts.figures import figure
from advisor.reports.charts.layout import label
from advisor.reports.charts.palette import DARK, LIGHT, resolve
from advisor.reports.frames import frame

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def schema() -> object:
    return json.loads(invoke("report", "--schema").stdout)


def test_the_published_schema_is_the_one_that_is_printed(schema: object) -> None:
    assert json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8")) == schema
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", NAMES)
def test_reports_follow_the_schema(
    name: str, schema: object, decided: dict[str, Path], report: Callable[..., Made]
) -> None:
    jsonschema.Draft202012Validator(schema).validate(report(decided[name], "--format", "json").data)


def test_a_report_with_every_part_follows_the_schema(schema: object, full_report: Made, hostile_report: Made) -> None:
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(full_report.data)
    validator.validate(hostile_report.data)


def test_the_schema_refuses_a_block_of_another_kind_and_a_missing_field(schema: object, full_report: Made) -> None:
    validator = jsonschema.Draft202012Validator(schema)
    for change in (lambda block: block.update(block="pie_chart"), lambda block: block.pop("title")):
        data = full_report.data
        change(next(b for s in data["sections"] for b in s["blocks"] if b["block"] == "table"))
        assert not validator.is_valid(data)


def test_csv_holds_the_unrounded_numbers_of_the_decision(full_report: Made) -> None:
    decision = full_report.data["decision"]
    table = pd.read_csv(full_report.folder / "tables" / "options.csv")
    assert len(table) == len(decision["ranked"])
    assert table["option_id"].tolist() == [option["option_id"] for option in decision["ranked"]]
    for part in ("p10", "p50", "p90"):
        assert table[f"npv_usd_{part}"].tolist() == pytest.approx([o["npv_usd"][part] for o in decision["ranked"]])


def test_every_table_and_chart_has_its_csv(full_report: Made) -> None:
    data = full_report.data
    names = {b["name"] for s in data["sections"] for b in s["blocks"] if "name" in b}
    assert {path.stem for path in (full_report.folder / "tables").glob("*.csv")} == names


def test_parquet_keeps_types_and_values(full_decision: Path, report: Callable[..., Made]) -> None:
    made = report(full_decision, "--format", "parquet", "--format", "csv")
    table = pd.read_parquet(made.folder / "tables" / "options.parquet")
    plain = pd.read_csv(made.folder / "tables" / "options.csv")
    assert table["npv_usd_p50"].dtype.kind == "f"
    assert table["npv_usd_p50"].tolist() == pytest.approx(plain["npv_usd_p50"].tolist())
    assert table["option"].tolist() == plain["option"].tolist()


def test_words_among_numbers_go_to_a_note_and_unknown_is_missing() -> None:
    columns = [Column("name", "Name"), Column("month", "Month", Kind.MONTHS)]
    rows = [["a", Spread(p10=1, p50=2, p90=3)], ["b", "> 36 months"], ["c", None]]
    made = frame(Table("t", "T", columns, rows))
    assert made.columns.tolist() == ["name", "month_p10", "month_p50", "month_p90", "month_note"]
    assert made["month_p50"].isna().tolist() == [False, True, True]
    assert made["month_note"].tolist()[1] == "> 36 months"


def test_plotly_accepts_every_figure(full_report: Made, hostile_report: Made) -> None:
    import plotly.graph_objects as go
    from page_text import PageText

    for made in (full_report, hostile_report):
        sheet = json.loads(PageText(made.html).scripts[0])
        assert len(sheet["figures"]) == 7
        for drawn in sheet["figures"].values():
            for palette in (LIGHT, DARK):
                go.Figure(resolve(drawn, palette))


def test_axes_of_numbers_are_named(full_report: Made) -> None:
    from page_text import PageText

    for name, drawn in json.loads(PageText(full_report.html).scripts[0])["figures"].items():
        titles = [axis.get("title", {}).get("text") for axis in (drawn["layout"]["xaxis"], drawn["layout"]["yaxis"])]
        named = [title for title in titles if title]
        assert named, name
        assert any(unit in "".join(named) for unit in ("(US dollars)", "%", "Months", "Requests a month")), name


def test_text_that_looks_like_a_colour_is_left_alone() -> None:
    drawn = figure(BarChart("b", "B", "", _axis(), ["@blue", "@ink/0.5"], [0.5, 0.25]))
    shown = resolve(drawn, LIGHT)
    assert shown["layout"]["yaxis"]["ticktext"] == ["@blue", "@ink/0.5"]
    assert shown["data"][0]["marker"]["color"] == [LIGHT["blue"]] * 2


def _axis() -> object:
    from advisor.reports.blocks import Axis

    return Axis("Share (%)", Kind.SHARE)


def test_labels_are_wrapped_and_escaped() -> None:
    assert label("a <b> & c") == "a &lt;b&gt; &amp; c"
    assert label("one two three", 7) == "one two<br>three"


def _contrast(one: str, other: str) -> float:
    """WCAG 2 contrast ratio of two #rrggbb colours."""

    def luminance(colour: str) -> float:
        parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_main_colours_stand_out_from_the_paper(palette: dict[str, str]) -> None:
    assert _contrast(palette["ink"], palette["paper"]) > 7
    assert _contrast(palette["muted"], palette["paper"]) > 4.5
    assert _contrast(palette["blue"], palette["paper"]) > 4.5
    assert _contrast(palette["vermilion"], palette["paper"]) > 3
