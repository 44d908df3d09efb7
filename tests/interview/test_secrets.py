"""Keys stay out of files and reports."""

import pytest

from advisor.base.errors import InvalidDataError
from advisor.secrets import looks_like_secret, mask, refuse_secret

KEYS = [
    "sk-proj-abcdefghijklmnop1234",
    "hf_abcdefghijklmnopqrst",
    "ghp_abcdefghijklmnopqrstuvwxyz12",
    "AKIAABCDEFGHIJKLMNOP",
    "AIzaSyabcdefghijklmnopqrstuvw",
    "xoxb-1234567890-abcdef",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0.sflKxwRJSM",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_recognised_and_masked(key: str) -> None:
    text = f"the key is {key}, keep it"
    assert looks_like_secret(text)
    assert key not in mask(text)
    with pytest.raises(InvalidDataError, match="secret"):
        refuse_secret(text, where="name")


@pytest.mark.parametrize("text", ["task-classification", "a skeleton key", "OPENAI_API_KEY", "risk-averse users", ""])
def test_words_are_not_keys(text: str) -> None:
    assert not looks_like_secret(text)
    refuse_secret(text, where="name")


def test_values_of_secret_variables_and_the_home_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", "correct-horse-battery")
    monkeypatch.setenv("HOME", "/home/someone")
    shown = mask("token correct-horse-battery in /home/someone/x")
    assert shown == "token [masked] in ~/x"
