"""Files that survive: atomic replacement, appended lines, and readers that say which line is wrong."""

import json
import math
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from advisor.base.errors import InvalidDataError


def quoted(path: Path) -> str:
    """The path as one types it in a shell, for the commands that messages suggest."""
    return shlex.quote(str(path))


def read_text(path: Path) -> str:
    """The text of a UTF-8 file. Raises `InvalidDataError` when it is missing, unreadable or not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InvalidDataError("no such file", where=str(path), fix="check the path") from None
    except IsADirectoryError:
        raise InvalidDataError("this is a folder, not a file", where=str(path), fix="name a file") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidDataError(
            f"not valid UTF-8 (byte 0x{error.object[error.start]:02x} at offset {error.start})",
            where=f"{path}:{line}",
            fix="save the file as UTF-8",
        ) from None
    except OSError as error:
        raise InvalidDataError(
            f"cannot be read: {error.strerror}", where=str(path), fix="check the path and its permissions"
        ) from None


_MEND_JSON = "mend the JSON at that place; text that ends too early was cut off"


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number that JSON allows")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large a number")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is there twice")
        found[key] = value
    return found


def parse_json(text: str, *, where: str) -> Any:
    """Strict JSON: neither NaN nor infinity, no key twice. Raises `InvalidDataError` naming `where`."""
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        raise InvalidDataError(
            f"not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})", where=where, fix=_MEND_JSON
        ) from None
    except ValueError as error:
        raise InvalidDataError(f"not valid JSON: {error}", where=where, fix=_MEND_JSON) from None
    except RecursionError:
        raise InvalidDataError("nested too deeply", where=where, fix="write it flatter") from None


def read_jsonl(path: Path, *, forgive_last: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) for every line that is not blank.

    `forgive_last` drops a last line that was cut off in the middle of being written (no newline at its end).
    """
    text = read_text(path)
    lines = text.split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = parse_json(line, where=f"{path}:{number}")
        except InvalidDataError:
            if forgive_last and number == len(lines):
                return
            raise
        if not isinstance(row, dict):
            raise InvalidDataError(
                "each line must be a JSON object", where=f"{path}:{number}", fix='write {"key": "value"} on one line'
            )
        yield number, row


def dump_json(value: Any, *, indent: int | None = None) -> str:
    """JSON without NaN or Infinity; keys keep their order."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent)


def replace_file(path: Path, text: str) -> None:
    """Write `text` to `path` so that a reader sees the old file or the new one, never half of either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def append_line(path: Path, value: dict[str, Any]) -> None:
    """Append one JSON object as a line, on disk before this returns; mends a half-written line before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    line = dump_json(value).encode() + b"\n"
    with open(path, "a+b") as stream:
        if stream.tell() > 0:
            stream.seek(-1, os.SEEK_END)
            if stream.read(1) != b"\n":
                line = b"\n" + line
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())
