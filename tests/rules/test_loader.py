"""A customer's folder of rules: what is refused, with file, line and remedy; what overrides; what is added."""

from pathlib import Path

import pytest

from advisor.base.errors import InvalidDataError
from rules.check import check_rules
from rules.load import load_rules

RISK = """v: 1
id: data-too-old
title: 'Old examples'
when: "data.labelled_examples >= 10"
applies_to: "option.training != 'none'"
severity: warning
text: 'The examples are old.'
do: 'Collect new ones.'
because: 'The world has changed.'
unless: 'Nothing has changed.'
evidence:
  - kind: judgement
    source: 'Ours'
    date: 2026-11
examples:
  - facts: {data.labelled_examples: 20}
    option: {training: lora}
    fires: true
  - facts: {data.labelled_examples: 5}
    fires: false
"""


def write(folder: Path, text: str, name: str = "risks/data_too_old.yaml") -> Path:
    path = folder / "rules" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return folder / "rules"


def line_of(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.startswith(start))


def problems(folder: Path) -> list[InvalidDataError]:
    return list(check_rules(folder).problems)


def test_a_rule_of_ones_own_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path, RISK)
    assert problems(folder) == []
    book = load_rules(folder)
    assert book.risks["data-too-old"].title == "Old examples"
    assert book.files["data-too-old"] == folder / "risks" / "data_too_old.yaml"
    assert len(book.gates) > 5, "ours are still there"


@pytest.mark.parametrize(
    ("old", "new", "start", "what", "fix"),
    [
        ("severity: warning", "severty: warning", "severty", "unknown key 'severty'", "did you mean 'severity'?"),
        ("severity: warning", "severity: high", "severity", "severity:", None),
        ("v: 1", "v: 2", "v:", "v: Input should be 1", None),
        ("do: 'Collect new ones.'\n", "", "v:", "the key 'do' is missing", "add it"),
        ("labelled_examples >=", "labeled_examples >=", "when", "unknown name 'data.labeled_examples'", "labelled"),
        (">= 10", ">= -5", "when", "is never -5", "its range is"),
        (">= 10", ">= 'ten'", "when", "a number is compared with a text", None),
        ("'none'", "'nothing'", "applies_to", "option.training is never 'nothing'", "Choices: none, lora"),
        ("option.training != 'none'", "option.trainig != 'none'", "applies_to", "unknown name", "option.training"),
        ("data.labelled_examples >= 10", "option.training == 'lora'", "when", "may not stand here", "facts only"),
        ("data.labelled_examples >= 10", "task.description == 'x'", "when", "never decides anything", "ask for"),
        ("data.labelled_examples >= 10", "len(task.kind) > 1", "when", "a call is not allowed", None),
        ("data.labelled_examples >= 10", "data.labelled_examples", "when", "neither true nor false", "compare it"),
        ("id: data-too-old", "id: data-is-old", "id", "but its id is 'data-is-old'", "name it data_is_old.yaml"),
        ("id: data-too-old", "id: Data_Too_Old", "id", "id:", None),
        ("fires: false", "fires: maybe", "    fires: maybe", "fires", None),
        ("severity: warning", "severity: warning\nseverity: info", "severity: info", "is there twice", "keep one"),
        ("'Old examples'", "no", "title", "ambiguous", "quotes"),
        ("'Old examples'", "'TODO: one line'", "title", "still to be written", None),
        ("date: 2026-11", "date: 1:30", "    date", "base-60", "quotes"),
        ("date: 2026-11", "date: 2026-13-01", "    date", "not a date", "YYYY-MM-DD"),
        ("kind: judgement", "kind: rumour", "  - kind", "kind", None),
        ("fires: true\n", "fires: false\n", "  - facts: {data.labelled_examples: 20}", "should stay silent", "correct"),
        ("labelled_examples: 20", "labeled_examples: 20", "  - facts", "unknown fact", "did you mean"),
        ("labelled_examples: 20", "labelled_examples: -20", "  - facts", "outside", "write a number"),
        ("{training: lora}", "{training: lorra}", "    option", "option.training is never 'lorra'", "one of none"),
        ("{training: lora}", "{trainng: lora}", "    option", "unknown 'option.trainng'", "did you mean"),
    ],
)
def test_a_slip_is_named_with_file_line_and_remedy(
    tmp_path: Path, old: str, new: str, start: str, what: str, fix: str | None
) -> None:
    assert old in RISK
    text = RISK.replace(old, new, 1)
    folder = write(tmp_path, text)
    found = [problem for problem in problems(folder) if what in problem.what]
    assert found, [str(problem) for problem in problems(folder)]
    assert found[0].where == f"{folder / 'risks' / 'data_too_old.yaml'}:{line_of(text, start)}"
    if fix is not None:
        assert fix in str(found[0].fix)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, RISK.replace("severity: warning", "severity: high"))
    write(tmp_path, RISK.replace("data-too-old", "other-one"), "risks/wrong_name.yaml")
    folder = write(
        tmp_path, RISK.replace("data-too-old", "third-one").replace(">= 10", ">= 'x'"), "risks/third_one.yaml"
    )
    found = problems(folder)
    assert len(found) >= 3
    assert {Path(str(p.where).rpartition(":")[0]).name for p in found} == {
        "data_too_old.yaml",
        "wrong_name.yaml",
        "third_one.yaml",
    }


def test_a_project_names_the_first_problem_and_counts_the_others(tmp_path: Path) -> None:
    write(tmp_path, RISK.replace("severity: warning", "severity: high"))
    folder = write(tmp_path, RISK, "risks/other.yaml")
    with pytest.raises(InvalidDataError, match=r"and 1 more; `advisor rules check` shows them all"):
        load_rules(folder)


def test_what_is_no_rule_may_lie_there(tmp_path: Path) -> None:
    folder = write(tmp_path, RISK)
    for name in ("README.md", "risks/.data_too_old.yaml.swp", "risks/notes.txt", ".git"):
        (folder / name).write_text("x", encoding="utf-8")
    assert problems(folder) == []


def test_one_sided_examples_are_not_enough(tmp_path: Path) -> None:
    text = RISK.partition("  - facts: {data.labelled_examples: 5}")[0]
    assert "no example in which it stays silent" in problems(write(tmp_path, text))[0].what


@pytest.mark.parametrize(
    ("name", "what", "fix"),
    [
        ("risks/data_too_old.yml", "would not be read", "data_too_old.yaml"),
        ("risks/data_too_old.YAML", "would not be read", "data_too_old.yaml"),
        ("risks/data_too_old.json", "would not be read", "data_too_old.yaml"),
        ("risks/old/data_too_old.yaml", "rules are not nested", "move its files up"),
        ("risk/data_too_old.yaml", "is not a kind of rule", "did you mean 'risks'?"),
        ("data_too_old.yaml", "does not belong to a kind", "risks/"),
    ],
)
def test_nothing_is_ignored_without_a_word(tmp_path: Path, name: str, what: str, fix: str) -> None:
    found = problems(write(tmp_path, RISK, name))
    assert what in found[0].what
    assert fix in str(found[0].fix)


def test_an_id_twice_in_one_folder(tmp_path: Path) -> None:
    write(tmp_path, RISK)
    folder = write(tmp_path, RISK, "risks/data-too-old.yaml")
    assert "already in" in problems(folder)[0].what


def test_an_id_of_another_kind(tmp_path: Path) -> None:
    text = RISK.replace("data-too-old", "self-host-excludes-hosted")
    folder = write(tmp_path, text, "risks/self_host_excludes_hosted.yaml")
    assert "of another kind" in problems(folder)[0].what


def test_ones_own_file_overrides_ours(tmp_path: Path) -> None:
    ours = load_rules()
    text = ours.files["no-evaluation-set"].read_text(encoding="utf-8").replace("severity: error", "severity: info")
    folder = write(tmp_path, text, "readiness/no_evaluation_set.yaml")
    book = load_rules(folder)
    assert ours.readiness["no-evaluation-set"].severity == "error"
    assert book.readiness["no-evaluation-set"].severity == "info"
    assert len(book.readiness) == len(ours.readiness)


FACT = Path(load_rules().files["task.format"])


def test_a_fact_may_be_reworded_but_keeps_what_rules_rely_on(tmp_path: Path) -> None:
    text = FACT.read_text(encoding="utf-8")
    folder = write(tmp_path, text.replace("What form must the output have?", "Which form?"), "facts/task.format.yaml")
    assert load_rules(folder).facts["task.format"].question == "Which form?"
    write(tmp_path, text.replace("value: dsl", "value: own").replace("dsl: 0", "own: 0"), "facts/task.format.yaml")
    assert "the choice 'dsl' is missing" in problems(folder)[0].what
    write(tmp_path, "v: 1\nid: task.format\nlabel: x\nquestion: x?\nwhy: because\ntype: text\ngroup: task\norder: 1\n",
          "facts/task.format.yaml")  # fmt: skip
    assert "the type must stay 'choice'" in problems(folder)[0].what


def test_a_new_fact_can_be_named_by_a_new_rule(tmp_path: Path) -> None:
    fact = "v: 1\nid: task.urgent\nlabel: Urgent\nquestion: Urgent?\nwhy: Speed.\ntype: bool\ngroup: task\norder: 999\n"
    write(tmp_path, fact, "facts/task.urgent.yaml")
    folder = write(tmp_path, RISK.replace("data.labelled_examples >= 10", "task.urgent")
                   .replace("data.labelled_examples: 20", "task.urgent: true")
                   .replace("data.labelled_examples: 5", "task.urgent: false"))  # fmt: skip
    assert problems(folder) == []


@pytest.mark.parametrize(
    ("assume", "words"),
    [
        ("{kind: lognormal, p10: 5, p90: 1, source: x, date: 2026-01-01}", "p10 must be less than p90"),
        ("{kind: uniform, low: 1, source: x, date: 2026-01-01}", "takes {high, low}"),
        ("{kind: beta, mean: 0.5, sd: 0.6, source: x, date: 2026-01-01}", "sd^2 < mean"),
        ("{kind: fixed, value: lots, source: x, date: 2026-01-01}", "is not a number"),
        ("{kind: fixed, value: -1, source: x, date: 2026-01-01}", "outside"),
        ("{kind: choice, weights: {a: 1}, source: x, date: 2026-01-01}", "is not one of"),
        ("{kind: none, date: 2026-01-01}", "source"),
        ("{kind: none, source: x}", "date"),
        ("{kind: guess, source: x, date: 2026-01-01}", "kind"),
        ("{kind: loguniform, low: 0, high: 1, source: x, date: 2026-01-01}", "low > 0"),
    ],
)
def test_an_assumption_that_cannot_be_drawn_is_refused(tmp_path: Path, assume: str, words: str) -> None:
    text = (
        "v: 1\nid: task.weight\nlabel: W\nquestion: How much?\nwhy: It matters.\ntype: number\nunit: kg\nminimum: 0\n"
        f"group: task\norder: 998\nassume: {assume}\n"
    )
    folder = write(tmp_path, text, "facts/task.weight.yaml")
    found = problems(folder)
    assert found
    assert words in found[0].what
    assert str(found[0].where).startswith(str(folder / "facts" / "task.weight.yaml:"))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("given: task.kind", "given: task.kinds", "is not a choice fact"),
        ("given: task.kind", "given: task.classes", "is not a choice fact"),
        ("given: task.kind", "given: task.reasoning", "is not a choice fact"),
        ("    extraction: {", "    extracion: {", "task.kind is never 'extracion'"),
    ],
)
def test_an_assumption_may_rest_on_one_choice_fact(tmp_path: Path, old: str, new: str, words: str) -> None:
    text = FACT.read_text(encoding="utf-8")
    assert old in text
    folder = write(tmp_path, text.replace(old, new), "facts/task.format.yaml")
    assert words in problems(folder)[0].what
    assert str(problems(folder)[0].where).startswith(str(folder / "facts" / "task.format.yaml:"))


def test_the_shipped_folder_given_again_changes_nothing() -> None:
    from rules.load import SHIPPED

    assert check_rules(SHIPPED).files == check_rules().files


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert load_rules(tmp_path / "rules").facts.keys() == load_rules().facts.keys()
