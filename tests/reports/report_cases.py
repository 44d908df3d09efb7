"""Decisions for the report tests: a real one with every optional part filled in, and one full of markup."""

import copy
from typing import Any

MARKUP = '<script>alert(1)</script><img src=x onerror="alert(2)">'
"""What a hostile project name, answer or model id may hold."""
MARKDOWN = "](javascript:alert(3)) **bold** | `code` # [x](https://evil.example) <b>"

Json = dict[str, Any]


def filled(decision: Json) -> Json:
    """`decision` with flips, sensitivities, break-evens, maps and the rest, in figures that are plain to check."""
    made = copy.deepcopy(decision)
    winner = made["recommended"] or made["ranked"][0]
    rival = next(option for option in made["ranked"] if option["option_id"] != winner["option_id"])
    base = winner["npv_usd"]["p50"]
    made["flips"] = [
        {
            "fact": "traffic.requests_per_month",
            "label": "Requests a month",
            "current": 9000,
            "becomes": 2100,
            "winner_option_id": rival["option_id"],
            "winner_label": rival["label"],
            "text": f"Below 2,100 requests a month {rival['label']} would be better.",
        }
    ]
    made["sensitivities"] = [
        {
            "id": f"fact.{number}",
            "label": label,
            "low_value": low,
            "high_value": high,
            "npv_at_low_usd": base - swing,
            "npv_at_high_usd": base + swing * 1.5,
            "total_order_index": swing / 400_000,
        }
        for number, (label, low, high, swing) in enumerate(
            [
                ("Worth of a good answer", "$1.20", "$6", 180_000.0),
                ("Requests a month", "4,000", "21,000", 120_000.0),
                ("Quality of the tuned model", "67 %", "88 %", 90_000.0),
                ("Hours of an engineer to build it", "90 hours", "260 hours", -30_000.0),
                ("Share of the input that repeats", "10 %", "70 %", -4_000.0),
            ]
        )
    ]
    made["break_evens"] = [
        {
            "id": "traffic.requests_per_month",
            "label": "Requests a month",
            "unit": "requests",
            "current": 9000.0,
            "at": 2100.0,
            "low": 100.0,
            "high": 100000.0,
            "against": rival["label"],
            "text": "Below 2,100 requests a month the rival is worth more.",
        },
        {
            "id": "hardware.utilisation",
            "label": "Utilisation of the GPU",
            "unit": "share",
            "current": None,
            "at": None,
            "low": 0.01,
            "high": 1.0,
            "against": rival["label"],
            "text": "The option in front stays ahead at any utilisation.",
        },
    ]
    xs = [1000.0, 3000.0, 10000.0, 30000.0, 100000.0]
    ys = [0.5, 1.0, 2.0, 4.0]
    made["break_even_maps"] = [
        {
            "x_label": "Requests a month",
            "y_label": "Worth of a good answer (US dollars)",
            "x_values": xs,
            "y_values": ys,
            "winners": [[winner["label"] if x * y > 6000 else rival["label"] for x in xs] for y in ys],
            "npv_usd": [[x * y for x in xs] for y in ys],
            "current_x": 9000.0,
            "current_y": 3.0,
        }
    ]
    made["constraint_prices"] = [
        {
            "fact": "limits.must_self_host",
            "limit": True,
            "cost_usd_per_month": 3100.0,
            "cost_usd": 111600.0,
            "winner_without": rival["option_id"],
            "text": "Keeping data in the house costs $3,100 a month.",
        }
    ]
    made["pilot_worth_usd"] = 12345.0
    made["changes"] = [
        {
            "kind": "answer",
            "what": "traffic.requests_per_month",
            "before": "8000",
            "after": "9000",
            "text": "Requests a month: 8000 -> 9000",
        }
    ]
    return made


def hostile(decision: Json) -> Json:
    """`filled`, with markup in every text that a user, a catalogue or a model id can bring in."""
    made = filled(decision)
    nasty = MARKUP + MARKDOWN
    for option in [made["recommended"], made["status_quo"], *made["ranked"]]:
        if option is not None:
            option["label"] = f"{option['label']} {nasty}"
            option["model"] = nasty
            for line in option["cost_lines"]:
                line["label"] = line["basis"] = nasty
                line["sources"] = [nasty]
    made["headline"] = made["settled_because"] = nasty
    for key, texts in (
        ("reasons", ("text", "rule")),
        ("flips", ("label", "text", "winner_label", "current")),
        ("sensitivities", ("label", "low_value", "high_value")),
        ("break_evens", ("label", "unit", "against", "text")),
        ("next_questions", ("question", "why", "fact")),
        ("plan", ("name", "do", "gate")),
        ("readiness", ("text", "do", "rule")),
        ("risks", ("text", "do", "rule")),
        ("ruled_out", ("text", "rule", "approach", "option_id")),
        ("assumptions", ("label", "value", "source", "unit", "id", "date")),
        ("changes", ("what", "before", "after", "text")),
    ):
        for row in made[key]:
            for text in texts:
                row[text] = nasty
    grid = made["break_even_maps"][0]
    grid["x_label"] = grid["y_label"] = nasty
    grid["winners"] = [[f"{name} {nasty}" for name in row] for row in grid["winners"]]
    made["facts"]["task.description"] = nasty
    return made
