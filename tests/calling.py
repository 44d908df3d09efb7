"""What a command said and how it ended, for tests that call the program."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ended:
    """Exit code, stdout and stderr of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout as the JSON document it must be."""
        return json.loads(self.out)


Advisor = Callable[..., Ended]
