"""`advisor data collect`: from logs, and from a teacher whose server misbehaves, within the budget."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bad_server import Server, bad_server
from calling import Advisor
from rows import read, write
from tools_shown import calling_row

from advisor.answers import Origin
from advisor.project import Project
from trainers.data.collect.budget import Budget, Price
from trainers.data.collect.teacher import TeacherRequest, distil, read_prompts
from trainers.data.findings import Problem
from trainers.data.outputs import Wanted

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "what is it?"}], "user": "u7"}
ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 5, "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "a pear"}, "finish_reason": "stop"}],
}  # fmt: skip
CHUNKS = [
    {"object": "chat.completion.chunk", "id": "c1", "model": "m-1", "choices": [{"delta": {"content": "a "}}]},
    {"object": "chat.completion.chunk", "choices": [{"delta": {"content": "pear"}, "finish_reason": "stop"}]},
]
RESPONSES = {
    "id": "r1", "object": "response", "model": "m-1", "status": "completed",
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a pear"}]},
    ],
}  # fmt: skip
LOGS: dict[str, Any] = {
    "pair": {"request": QUESTION, "response": ANSWER},
    "bodies": {"request": {"url": "/v1", "body": QUESTION}, "response": {"status_code": 200, "body": ANSWER}},
    "flat": {**QUESTION, "response": ANSWER},
    "stored": {**ANSWER, "messages": QUESTION["messages"]},
    "chunks": {"request": QUESTION, "response": CHUNKS},
    "event stream": {
        "request": QUESTION,
        "response": "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in CHUNKS) + "data: [DONE]\n\n",
    },
    "responses": {"request": {"model": "m", "input": "what is it?", "user": "u7"}, "response": RESPONSES},
    "completion": {"request": {"prompt": "what is it?"}, "response": {"choices": [{"text": "a pear"}]}},
}


def collect(advisor: Advisor, tmp_path: Path, rows: list[dict[str, Any]], *more: object) -> list[dict[str, Any]]:
    path = write(tmp_path / "log.jsonl", rows)
    ended = advisor("data", "collect", "--logs", path, "--out", tmp_path / "out.jsonl", *more)
    assert ended.code == 0, ended.err
    return read(tmp_path / "out.jsonl")


@pytest.mark.parametrize("form", LOGS)
def test_each_form_of_log_gives_the_example(advisor: Advisor, tmp_path: Path, form: str) -> None:
    (row,) = collect(advisor, tmp_path, [LOGS[form]])
    assert row["messages"] == [
        {"role": "user", "content": "what is it?"},
        {"role": "assistant", "content": "a pear"},
    ]
    assert row["metadata"]["origin"] == "machine"


def test_users_become_groups_and_instructions_stay(advisor: Advisor, tmp_path: Path) -> None:
    asked = {"model": "m", "instructions": "Be brief.", "input": QUESTION["messages"], "user": "u7"}
    (row,) = collect(advisor, tmp_path, [{"request": asked, "response": RESPONSES}])
    assert row["group"] == "u7"
    assert row["messages"][0] == {"role": "system", "content": "Be brief."}


def test_batch_output_is_joined_with_its_input(advisor: Advisor, tmp_path: Path) -> None:
    asked = write(tmp_path / "asked.jsonl", [{"custom_id": "k1", "body": QUESTION}])
    said = [{"custom_id": "k1", "response": {"status_code": 200, "body": ANSWER}, "error": None}]
    (row,) = collect(advisor, tmp_path, said, "--requests", asked)
    assert row["id"] == "k1"
    ended = advisor("data", "collect", "--logs", tmp_path / "log.jsonl", "--out", tmp_path / "o.jsonl")
    assert ended.code == 1
    assert "no_request" in ended.err


def cut(**change: Any) -> dict[str, Any]:
    return {**ANSWER, "choices": [{**ANSWER["choices"][0], **change}]}  # type: ignore[dict-item]


def test_calls_that_failed_are_left_out_and_listed(advisor: Advisor, tmp_path: Path) -> None:
    refusal = {"role": "assistant", "content": None, "refusal": "no"}
    rows = [
        LOGS["pair"],
        {"request": QUESTION, "response": {"status_code": 500, "body": {"error": {"message": "broken"}}}},
        {"request": QUESTION, "response": cut(finish_reason="length")},
        {"request": QUESTION, "response": cut(finish_reason="content_filter")},
        {"request": QUESTION, "response": cut(message=refusal)},
        {"request": QUESTION, "response": cut(message={"role": "assistant", "content": " "})},
        {"request": QUESTION},
        {"response": ANSWER},
    ]
    assert len(collect(advisor, tmp_path, rows)) == 1
    told = {entry["line"]: entry["reason"] for entry in read(tmp_path / "out.skipped.jsonl")}
    assert told == {
        2: "call_failed", 3: "answer_cut", 4: "filtered", 5: "refused", 6: "empty_answer", 7: "no_response",
        8: "no_request",
    }  # fmt: skip


def test_what_a_model_wrote_is_sent_to_review(advisor: Advisor, tmp_path: Path, project: Path) -> None:
    rows = [
        {"request": {"messages": [{"role": "user", "content": f"number {n} of the questions"}]}, "response": ANSWER}
        for n in range(40)
    ]
    path = write(tmp_path / "log.jsonl", rows)
    assert advisor("data", "collect", "--logs", path, "--project", project).code == 0
    assert (project / "data" / "review" / "collected" / "plan.json").exists()
    out = project / "data" / "collected.jsonl"
    found = {f["code"]: f for f in advisor("data", "check", out, "--json").json["findings"]}
    assert found["machine_made"]["count"] == 40


@pytest.fixture
def server() -> Iterator[Server]:
    with bad_server() as running:
        yield running


def request(server: Server, tmp_path: Path, words: str, **more: Any) -> TeacherRequest:
    rows = [{"id": f"p{n}", "prompt": f"{word} {n}"} for n, word in enumerate(words.split())]
    settings: dict[str, Any] = {"price": Price(1.0, 10.0), "budget_usd": 1.0, "max_tokens": 100} | more
    path = write(tmp_path / "prompts.jsonl", rows)
    return TeacherRequest(str(path), tmp_path / "out.jsonl", server.url, "teacher", **settings)


def ask(wanted: TeacherRequest) -> Any:
    return distil(wanted, pause=lambda seconds: None)


@pytest.mark.parametrize("fault", ["429", "500", "drop", "garbage", "empty"])
def test_passing_faults_are_overcome(server: Server, tmp_path: Path, fault: str) -> None:
    server.faults = {"bad": [fault, fault]}
    tally = ask(request(server, tmp_path, "good bad good"))
    assert (tally.answered, tally.failed, tally.left) == (3, 0, 0)
    rows = read(tmp_path / "out.jsonl")
    assert {row["id"] for row in rows} == {"p0", "p1", "p2"}
    assert all(row["metadata"] == {"origin": "machine", "source": "teacher", "teacher": "teacher"} for row in rows)
    assert server.asked["bad 1"] == 3


def test_a_lasting_fault_costs_one_prompt_and_not_the_others(server: Server, tmp_path: Path) -> None:
    server.faults = {"bad": ["500 always"], "refused": ["400 always"]}
    tally = ask(request(server, tmp_path, "good bad refused good good"))
    assert (tally.answered, tally.failed) == (3, 2)
    assert server.asked["refused 2"] == 1
    server.faults = {}
    again = ask(request(server, tmp_path, "good bad refused good good"))
    assert (again.already, again.answered) == (3, 2)


def test_a_server_that_is_down_stops_it_soon(server: Server, tmp_path: Path) -> None:
    server.faults = {"word": ["500 always"]}
    tally = ask(request(server, tmp_path, "word " * 40, parallel=1))
    assert tally.failed == 5
    assert tally.left == 35
    assert "5 prompts in a row failed" in tally.stopped
    assert tally.spent_usd == 0


def test_the_budget_is_never_overrun_and_never_wasted(server: Server, tmp_path: Path) -> None:
    """An answer costs 0.0003; the dearest case of one is about 0.00106. Money is set aside, then given back."""
    tally = ask(request(server, tmp_path, "word " * 100, budget_usd=0.01))
    assert tally.stopped == "the budget is used up"
    assert tally.spent_usd <= 0.01
    assert tally.spent_usd == pytest.approx(0.0003 * tally.answered)
    assert 0.01 - tally.spent_usd < 0.0011
    assert tally.left == 100 - tally.answered
    more = ask(request(server, tmp_path, "word " * 100, budget_usd=0.02))
    assert more.already == tally.answered
    assert tally.spent_usd < more.spent_usd <= 0.02
    assert max(server.asked.values()) == 1, "no prompt is paid twice"


def test_what_may_have_been_billed_counts(server: Server, tmp_path: Path) -> None:
    wanted = request(server, tmp_path, "good bad", parallel=1)
    server.faults = {"bad": ["drop"]}
    dearest = wanted.price.dearest("bad 1", 100)
    assert ask(wanted).spent_usd == pytest.approx(0.0006 + dearest)
    server.faults = {"silent": ["no usage"]}
    (tmp_path / "other").mkdir()
    wanted = request(server, tmp_path / "other", "silent")
    assert ask(wanted).spent_usd == pytest.approx(wanted.price.dearest("silent 0", 100))


def test_a_crash_in_the_middle_counts_what_was_under_way(server: Server, tmp_path: Path) -> None:
    wanted = request(server, tmp_path, "one two")
    (tmp_path / "out.spent.jsonl").write_text('{"id": "p0", "held_usd": 0.5}\n{"id": "p1", "usd": 0.1}\n{"id": "p')
    assert ask(wanted).spent_usd == pytest.approx(0.6 + 2 * 0.0003)


def test_answers_of_the_wrong_form_are_kept_apart(server: Server, tmp_path: Path) -> None:
    server.faults = {"odd": ["wrong form"], "short": ["cut"]}
    tally = ask(request(server, tmp_path, "good odd short", wanted=Wanted(labels=('{"label": "ok"}',))))
    assert (tally.answered, tally.invalid) == (1, 2)
    assert {row["id"] for row in read(tmp_path / "out.invalid.jsonl")} == {"p1", "p2"}
    assert ask(request(server, tmp_path, "good odd short")).already == 3


def test_the_command_confirms_the_money_and_refuses_what_it_cannot_price(
    advisor: Advisor, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = write(tmp_path / "prompts.jsonl", [{"id": f"p{n}", "prompt": f"word {n}"} for n in range(5)])
    arguments = ["data", "collect", "--teacher", server.url, "--prompts", prompts, "--model", "teacher"]
    arguments += ["--out", tmp_path / "out.jsonl"]
    assert "--budget-usd" in advisor(*arguments).err
    ended = advisor(*arguments, "--budget-usd", 1)
    assert ended.code == 2
    assert "--input-usd-per-mtok" in ended.err
    prices = ["--budget-usd", 1, "--input-usd-per-mtok", 1, "--output-usd-per-mtok", 10]
    assert "--yes" in advisor(*arguments, *prices).err
    server.key = "sesame"
    monkeypatch.setenv("TEACHER_KEY", "wrong")
    ended = advisor(*arguments, *prices, "--yes", "--key-env", "TEACHER_KEY")
    assert ended.code == 2
    assert "wrong key" in ended.err
    assert advisor(*arguments, *prices, "--yes", "--key-env", "NO_SUCH_KEY").code == 2
    monkeypatch.setenv("TEACHER_KEY", "sesame")
    ended = advisor(*arguments, *prices, "--yes", "--key-env", "TEACHER_KEY", "--json")
    assert ended.code == 0
    assert ended.json["answered"] == 5
    assert ended.json["spent_usd"] == pytest.approx(5 * 0.0003), "being turned away cost nothing"
    assert "sesame" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_a_project_that_forbids_teachers_is_obeyed(
    advisor: Advisor, server: Server, tmp_path: Path, project: Path
) -> None:
    Project.open(project).record("data.teacher_allowed", False, Origin.ANSWERED)
    prompts = write(tmp_path / "prompts.jsonl", [{"id": "p", "prompt": "word"}])
    ended = advisor(
        "data", "collect", "--teacher", server.url, "--prompts", prompts, "--model", "teacher", "--budget-usd", 1,
        "--input-usd-per-mtok", 0, "--output-usd-per-mtok", 0, "--yes", "--project", project,
    )  # fmt: skip
    assert ended.code == 2
    assert "data.teacher_allowed" in ended.err
    assert not server.asked


def test_a_budget_holds_under_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    budget = Budget(1.0)

    def work(_: int) -> None:
        if budget.hold(0.01):
            budget.settle(0.01, 0.009)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(500)))
    assert 0.98 < budget.spent_usd <= 1.0


def test_prompts_with_tools_are_no_prompts_for_a_teacher(tmp_path: Path) -> None:
    """Asked for text only it would answer without them, and the row would be wrong without a word."""
    path = write(tmp_path / "rows.jsonl", [calling_row(1), {"prompt": "hello"}])
    (_, refused), (_, asked) = read_prompts(str(path), None, None)
    assert isinstance(refused, Problem)
    assert (refused.code, isinstance(asked, Problem)) == ("has_tools", False)
