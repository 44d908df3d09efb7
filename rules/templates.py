"""The frame of a new rule or fact. What stands as TODO must be written before the file is accepted."""

from __future__ import annotations

from datetime import date

_EVIDENCE = """evidence:
  - kind: judgement  # paper, benchmark, vendor_document, field_report, article, price_list, regulation, judgement
    source: 'TODO: authors, year and title; or whose judgement it is'
    date: {today}
    says: 'TODO: the figure or the sentence that supports the rule'
"""
_PROSE = """because: 'TODO: the cause, in a sentence or two'
unless: 'TODO: when it does not hold'
"""
_BOTH_EXAMPLES = """examples:
  - facts: {{task.kind: classification}}
    option: {{training: lora}}
    fires: true
  - facts: {{task.kind: generation}}
    option: {{training: lora}}
    fires: false
"""
_HEAD = "v: 1\nid: {id}\ntitle: 'TODO: one line'\n"
_FINDING = """when: "task.kind == 'classification'"
applies_to: "option.training != 'none'"
severity: warning  # error, warning, info
text: 'TODO: what is wrong or to be watched'
do: 'TODO: what to do about it'
"""
_BODIES = {
    "gates": """when: "task.kind == 'classification'"
excludes: "option.training != 'none'"
text: 'TODO: why the option is out, as the user reads it'
limits: [task.kind]
""",
    "effects": """part: approach  # see docs/quality-model.md
when: "task.kind == 'classification'"
applies_to: "option.training != 'none'"
quality: {{points: 0.0, sd_points: 0.05, at: 0.8}}
""",
    "guidance": """when: "task.kind == 'classification'"
favours: "option.training != 'none'"
text: 'TODO: why it suits'
""",
    "readiness": _FINDING,
    "risks": _FINDING,
    "claims": """matters_when: "task.kind == 'classification' and option.training != 'none'"
article: 'TODO: what was said'
now: 'TODO: what holds now, with figures'
as_of: {today}
""",
}
_FACT = """v: 1
id: {id}
label: 'TODO: two or three words'
question: 'TODO: the question, in plain words?'
why: 'TODO: why it is asked'
type: number  # bool int number share choice date gpus text
unit: 'TODO: USD, days, tokens ...'
minimum: 0
group: {group}
order: 999
assume:
  kind: lognormal  # none fixed choice uniform loguniform lognormal normal beta
  p10: 1
  p90: 100
  source: 'TODO: where the assumption comes from'
  date: {today}
"""


def template(kind: str, identifier: str, today: date) -> str:
    """The YAML text of a new file of `kind` (a name of `rules.load.KINDS`)."""
    if kind == "facts":
        return _FACT.format(id=identifier, today=today, group=identifier.partition(".")[0])
    text = _HEAD + _BODIES[kind] + _PROSE + _EVIDENCE + _BOTH_EXAMPLES
    return text.format(id=identifier, today=today)
