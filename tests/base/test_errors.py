"""Every error says what, where and how to mend it, and ends with the exit code of its kind."""

import pytest

from advisor.base.errors import (
    AdvisorError,
    CouldNotError,
    InvalidDataError,
    MissingPartError,
    UsageError,
    require,
)


@pytest.mark.parametrize(
    ("kind", "code"), [(CouldNotError, 1), (UsageError, 2), (InvalidDataError, 3), (MissingPartError, 4)]
)
def test_exit_codes_of_the_contract(kind: type[AdvisorError], code: int) -> None:
    error = kind("it is wrong", where="f.yaml:3", fix="mend it")
    assert error.exit_code == code
    assert str(error) == "f.yaml:3: it is wrong\n  fix: mend it"
    assert str(kind("it is wrong")) == "it is wrong"


def test_a_message_cannot_fill_the_screen_or_steer_the_terminal() -> None:
    shown = str(InvalidDataError(f"unknown key {'9' * 5000}\x1b[2J"))
    assert len(shown) < 1100
    assert str(InvalidDataError("a\x1b[2Jb\nc")) == "a?[2Jb\nc"


def test_a_missing_package_is_named_with_the_way_to_install_it() -> None:
    require("json", "train")
    with pytest.raises(MissingPartError, match="no_such_package") as caught:
        require("no_such_package", "train")
    assert "train" in str(caught.value.fix)
