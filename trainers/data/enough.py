"""Are there enough examples for the method, and enough test rows to see a gain?

The numbers are the article's ("minimum 200 examples for basic fine-tuning, 500-1000 for reliable results, 2000+ for
complex tasks", full fine-tuning with "5000+ examples"). Since then it was found that the number depends on the task: a
small encoder passed a prompted frontier model at about 50 labels a task, so 200 is a caution and not a wall.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainers.data.findings import Finding, Severity, rows_text

LEAST = {"prompting": 1, "encoder": 50, "lora": 200, "qlora": 200, "api_tuning": 200, "full": 5000}
"""Rows below which the method is a gamble."""
NOTHING_LEARNT = 20
RELIABLE = 500
METHODS = tuple(LEAST)


def amount_findings(unique: int, method: str) -> Iterator[Finding]:
    """Findings on the number of usable rows that differ from each other."""
    least = LEAST[method]
    if unique < NOTHING_LEARNT and method != "prompting":
        yield Finding(
            "too_few_rows",
            Severity.ERROR,
            unique,
            (),
            f"{rows_text(unique)} that can be used and differ: too few to train on and to test with",
            "collect examples (advisor data collect), or work on the prompt with these few",
        )
    elif unique < least:
        yield Finding(
            "few_rows_for_method",
            Severity.WARNING,
            unique,
            (),
            f"{rows_text(unique)} that can be used and differ; {method} is a gamble below {least:,}",
            "collect more, or try "
            + ("lora" if method == "full" and unique >= LEAST["lora"] else "a better prompt with examples first"),
        )
    elif unique < RELIABLE and method in ("lora", "qlora", "api_tuning"):
        yield Finding(
            "fewer_than_500_rows",
            Severity.INFO,
            unique,
            (),
            f"{rows_text(unique)} that can be used and differ: enough for a trial, 500 to 1,000 give reliable results",
            "go on, and collect more where the test shows weakness",
        )


def test_finding(test_rows: int) -> Finding:
    """What a test set of this size can show."""
    from trainers.evaluation.statistics import smallest_detectable

    share = smallest_detectable(test_rows, 0.2) if test_rows else 1.0
    small = share > 0.1
    return Finding(
        "test_set_size",
        Severity.WARNING if small else Severity.INFO,
        test_rows,
        (),
        f"{rows_text(test_rows)} for testing: a gain under {share * 100:.0f} points would not be seen"
        " (80 % power, a fifth of the answers differing)",
        "hold out more rows if you care about smaller gains" if small else "none needed",
    )
