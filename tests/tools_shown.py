"""A chat template that writes tools, and rows that call one. For the tests of several rooms."""

from typing import Any

TEMPLATE = (
    "{% if tools %}{{ '<|im_start|>system\\n' }}{% for tool in tools %}{{ tool | tojson + '\\n' }}{% endfor %}"
    "{{ '<|im_end|>\\n' }}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] }}"
    "{% for call in message['tool_calls'] or [] %}{{ '<tool_call>\\n' + call['function'] | tojson }}"
    "{{ '\\n</tool_call>' }}{% endfor %}{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""ChatML with the definitions of tools before everything and calls as Hermes models write them."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def call(city: str) -> dict[str, Any]:
    """A call as OpenAI's protocol has it: the arguments are JSON text."""
    return {
        "id": "c1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": f'{{"city": "{city}"}}'},
    }


def calling_row(number: int, city: str = "Oslo") -> dict[str, Any]:
    """A question that is answered by a call."""
    ask = {"role": "user", "content": f"weather {number} please"}
    answer = {"role": "assistant", "content": None, "tool_calls": [call(city)]}
    return {"id": f"r{number}", "messages": [ask, answer], "tools": [WEATHER]}
