"""`advisor prices`: what a user sees and what a script reads."""

import json
from pathlib import Path

import pytest
from calling import Advisor

DAY = ("--today", "2026-11-24")


def test_list_shows_every_entry_and_json_every_figure(advisor: Advisor) -> None:
    ended = advisor("prices", "list", "gpus", *DAY)
    assert ended.code == 0
    assert "rtx-4090" in ended.out
    assert "rent unknown" in ended.out
    figures = advisor("prices", "list", "--json", *DAY).json["figures"]
    assert len(figures) > 500
    assert all(f["source"] and f["checked"] for f in figures)


def test_at_knows_names_as_drivers_print_them_and_dates(advisor: Advisor) -> None:
    ended = advisor("prices", "at", "NVIDIA A100-SXM4-80GB", "openai", "--json", *DAY)
    gpu, service = ended.json["entries"]
    assert (gpu["id"], service["id"]) == ("a100-80", "openai")
    assert service["status"] == "existing customers"
    later = advisor("prices", "at", "openai", "--on", "2027-02-01", "--json", *DAY).json["entries"][0]
    assert later["status"] == "ended"


def test_of_dated_prices_the_day_s_own_is_shown_and_what_it_replaced_has_ended(advisor: Advisor) -> None:
    for day, price in (("2026-08-16", 0.435), ("2026-08-17", 0.66)):
        figures = advisor("prices", "at", "deepseek-v4-pro", "--on", day, "--json", *DAY).json["entries"][0]["figures"]
        assert [f["value"] for f in figures if f["figure"] == "offers[deepseek].input_usd_per_mtok"] == [price]
    listed = advisor("prices", "list", "models", "--search", "deepseek-v4-pro", "--json", *DAY).json["figures"]
    first = next(f for f in listed if f["figure"] == "offers[deepseek].input_usd_per_mtok")
    assert first["until"] == "2026-08-16"


def test_a_near_name_is_suggested_and_not_taken(advisor: Advisor) -> None:
    ended = advisor("prices", "at", "gpt6sol")
    assert ended.code == 3
    assert "did you mean" in ended.err
    assert "gpt-6-sol" in ended.err
    assert ended.out == ""


def test_check_counts_and_passes(advisor: Advisor) -> None:
    found = advisor("prices", "check", "--json", *DAY)
    assert found.code == 0
    assert found.json["entries"]["models"] >= 20
    assert {f["severity"] for f in found.json["findings"]} == {"info"}


def test_check_fails_on_a_date_in_the_future_and_names_the_file_of_a_wrong_key(project: Path, advisor: Advisor) -> None:
    folder = project / "prices" / "people"
    folder.mkdir(parents=True)
    own = folder / "ml-engineer.yaml"
    source = "sources:\n  own: {title: payroll, where: our payroll, date: 2027-03-01}\n"
    own.write_text(f"id: ml-engineer\n{source}usd_per_hour: {{value: 90, source: own}}\n")
    ended = advisor("prices", "check", "--project", project, *DAY)
    assert ended.code == 1
    assert "future" in ended.out or "after 2026-11-24" in ended.out
    own.write_text("id: ml-engineer\nusd_per_huor: 90\n")
    wrong = advisor("prices", "check", "--project", project, *DAY)
    assert wrong.code == 3
    assert "ml-engineer.yaml:2" in wrong.err
    assert "usd_per_hour" in wrong.err


def test_an_own_price_is_marked_and_shows_up_as_a_difference(project: Path, advisor: Advisor) -> None:
    folder = project / "prices" / "people"
    folder.mkdir(parents=True)
    source = "sources:\n  own: {title: payroll, where: our payroll, date: 2026-11-01}\n"
    (folder / "ml-engineer.yaml").write_text(f"id: ml-engineer\n{source}usd_per_hour: {{value: 90, source: own}}\n")
    ended = advisor("prices", "at", "ml-engineer", "--project", project, *DAY)
    assert "yours" in ended.out
    changes = advisor("prices", "diff", "--project", project, "--json", *DAY).json["changes"]
    assert [(c["id"], c["before"], c["after"]) for c in changes] == [("ml-engineer", 110.0, 90.0)]


def test_diff_against_a_saved_list(tmp_path: Path, advisor: Advisor) -> None:
    saved = advisor("prices", "list", "--json", *DAY).json
    for figure in saved["figures"]:
        if figure["id"] == "rtx-4090" and "RunPod secure" in figure["figure"]:
            figure["value"] = 1.48
    file = tmp_path / "then.json"
    file.write_text(json.dumps(saved))
    (change,) = advisor("prices", "diff", "--against", file, "--json", *DAY).json["changes"]
    assert (change["id"], change["before"], change["after"]) == ("rtx-4090", 1.48, 0.74)
    file.write_text("[]")
    assert advisor("prices", "diff", "--against", file).code == 3


def test_stale_lists_the_oldest_first(advisor: Advisor) -> None:
    figures = advisor("prices", "stale", "--days", "60", "--json", *DAY).json["figures"]
    dates = [f["checked"] for f in figures]
    assert dates == sorted(dates)
    assert all(day < "2026-09-26" for day in dates)


def test_update_changes_nothing_without_yes(project: Path, advisor: Advisor) -> None:
    pytest.importorskip("genai_prices")
    ended = advisor("prices", "update", "--project", project, "--json", *DAY)
    assert ended.code == 0
    assert ended.json["written"] == []
    assert not (project / "prices" / "models").exists()
