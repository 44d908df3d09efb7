"""`advisor doctor` through the command line."""

import json

import pytest

from advisor.cli.main import run


def test_doctor_lists_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--json"]) == 0
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["packages: base"]["state"] == "ok"
    assert "pulp" in checks["packages: base"]["found"]
    assert {"Python", "processor", "memory", "GPU", "disk", "terminal"} <= set(checks)


def test_a_missing_base_package_ends_with_exit_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import advisor.doctor

    monkeypatch.setitem(advisor.doctor.EXTRAS, "base", ("textual", "a-package-that-is-not-there"))
    assert run(["doctor"]) == 4
    out, err = capsys.readouterr()
    assert "a-package-that-is-not-there" in out
    assert "make install-all" in err
