"""The shipped rule book, read once."""

import pytest

from rules.check import Checked, check_rules


@pytest.fixture(scope="session")
def shipped() -> Checked:
    return check_rules()
