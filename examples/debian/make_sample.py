"""Make rows.jsonl and schema.json: Debian package descriptions with the facets that people gave the packages.

    mkdir -p /tmp/lists/partial    # once: the index with the long English descriptions, apart from the machine's own
    apt-get -c examples/debian/apt-english.conf -o Dir::State::Lists=/tmp/lists update
    python examples/debian/make_sample.py --lists /tmp/lists    # reads what apt stored there; no network

The same index gives the same rows. Needs a Debian machine (or container) with apt; nothing but the standard library.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SYSTEM = (
    "Read the description of a Debian package. Answer with one JSON object with the keys section, role, interface "
    "and language."
)
SECTIONS = (
    "admin", "devel", "editors", "games", "gnome", "graphics", "kde", "libdevel", "lisp", "mail", "net",
    "ocaml", "perl", "python", "science", "sound", "text", "utils", "web", "x11",
)  # fmt: skip
ROLES = ("program", "shared-lib", "devel-lib", "plugin")
INTERFACES = ("commandline", "text-mode", "graphical", "daemon", "web", "none")
LANGUAGES = ("c", "c++", "lisp", "ocaml", "perl", "python")
FIELDS = {"section": SECTIONS, "role": ROLES, "interface": INTERFACES, "language": LANGUAGES}

# No value may fill more than this share of the rows, or a model could score by always answering it.
LARGEST_SHARE = {"section": 0.09, "role": 0.70, "interface": 0.40, "language": 0.36}
FEWEST = 20
"""Rows that each value should have (all there are, where there are fewer): below that nothing can be learnt of it."""
SHORTEST, LONGEST = 110, 360
PER_SOURCE = 2


@dataclass(frozen=True, slots=True)
class Package:
    """One usable package and its four facets."""

    name: str
    source: str
    version: str
    description: str
    facets: dict[str, str]
    tags: tuple[str, ...]


def main() -> None:
    options = arguments()
    index = index_file(options.release, options.lists)
    texts = descriptions(translation_file(index))
    packages = list(usable(stanzas(index), texts))
    chosen = choose(packages, options.rows)
    release = release_file(index)
    date = re.search(r"^Date: (.*)$", release, re.MULTILINE)
    version = re.search(r"^Version: (.*)$", release, re.MULTILINE)
    label = (
        f"Debian {version[1] if version else '?'} ({options.release}), index of {date[1] if date else 'unknown date'}"
    )
    options.out.write_text("".join(json.dumps(row(p), ensure_ascii=False) + "\n" for p in chosen), encoding="utf-8")
    (options.out.parent / "schema.json").write_text(json.dumps(schema(), indent=2) + "\n", encoding="utf-8")
    print(f"{len(chosen)} rows of {len(packages)} usable packages from {label}", file=sys.stderr)
    for field in FIELDS:
        counts = Counter(package.facets[field] for package in chosen).most_common()
        print(f"  {field}: " + ", ".join(f"{value} {count}" for value, count in counts), file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make the sample rows from the package index that apt has stored.")
    parser.add_argument("--release", default="bookworm", help="codename of the Debian release (default: bookworm)")
    parser.add_argument("--lists", type=Path, default=Path("/var/lib/apt/lists"), help="where apt stored its index")
    parser.add_argument("--rows", type=int, default=1000, help="how many rows (default: 1000)")
    parser.add_argument("--out", type=Path, default=HERE / "rows.jsonl", help="the file to write")
    return parser.parse_args()


def index_file(release: str, lists: Path) -> Path:
    """The stored Packages file of the release's main component."""
    query = ["Created-By: Packages", f"Codename: {release}", "Component: main"]
    where = ["-o", f"Dir::State::Lists={lists.resolve()}"]
    names = output(["apt-get", *where, "indextargets", "--format", "$(FILENAME)", *query]).split()
    if not names or not Path(names[0]).exists():
        sys.exit(f"apt has no index of {release} in {lists}; fetch it as the head of this script says")
    return Path(names[0])


def translation_file(index: Path) -> Path:
    """The stored file with the long English descriptions that belongs to `index`."""
    found = Path(re.sub(r"_binary-[^_]+_Packages", "_i18n_Translation-en", str(index)))
    if not found.exists():
        sys.exit(f"there is no {found}; fetch the English descriptions as the head of this script says")
    return found


def release_file(index: Path) -> str:
    """The text of the release's signed InRelease file, or nothing."""
    path = Path(re.sub(r"_main_binary-.*", "_InRelease", str(index)))
    return path.read_text(encoding="utf-8") if path.exists() else ""


def output(command: list[str]) -> str:
    """What `command` writes to its standard output."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        sys.exit(f"{command[0]} is not on this machine; run this on Debian")
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(command)} failed: {error.stderr.strip()}")


def stanzas(path: Path) -> Iterator[dict[str, str]]:
    """The paragraphs of a Debian control file, whatever it is compressed with."""
    for block in output(["/usr/lib/apt/apt-helper", "cat-file", str(path)]).split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in block.split("\n"):
            if line.startswith((" ", "\t")):
                fields[key] += "\n" + line[1:]
            elif line:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
        if fields:
            yield fields


def descriptions(path: Path) -> dict[str, str]:
    """Long English descriptions by the MD5 under which the index names them."""
    return {fields["Description-md5"]: fields.get("Description-en", "") for fields in stanzas(path)}


def usable(index: Iterable[dict[str, str]], texts: dict[str, str]) -> Iterator[Package]:
    """Packages with one clear value for each of the four facets and a description of suitable length."""
    for fields in index:
        tags = tuple(tag.strip() for tag in fields.get("Tag", "").replace("\n", " ").split(",") if tag.strip())
        facets = facets_of(fields.get("Section", ""), tags)
        text = plain(texts.get(fields.get("Description-md5", ""), ""))
        if facets and SHORTEST <= len(text) <= LONGEST:
            source = fields.get("Source", fields["Package"]).split()[0]
            yield Package(fields["Package"], source, fields["Version"], text, facets, tags)


def facets_of(section: str, tags: Iterable[str]) -> dict[str, str] | None:
    """The four facets, or None unless each has exactly one value that the task knows.

    `x11` beside `graphical` says the same twice and `3d` only refines it. A library or plug-in without an interface
    tag has no user interface; a program without one was merely never tagged, so it is left out.
    """
    by_facet: dict[str, set[str]] = defaultdict(set)
    for tag in tags:
        facet, _, value = tag.partition("::")
        by_facet[facet].add(value)
    roles, interfaces, languages = by_facet["role"], set(by_facet["interface"]), by_facet["implemented-in"]
    if interfaces & {"x11", "3d"}:
        interfaces = (interfaces - {"x11", "3d"}) | {"graphical"}
    if not interfaces and "program" not in roles:
        interfaces = {"none"}
    if not (len(roles) == len(interfaces) == len(languages) == 1):
        return None
    facets = dict(zip(FIELDS, (section, *roles, *interfaces, *languages), strict=True))
    return facets if all(facets[field] in values for field, values in FIELDS.items()) else None


def plain(description: str) -> str:
    """Synopsis, line end, then the long text as running paragraphs."""
    synopsis, _, rest = description.partition("\n")
    paragraphs = re.split(r"\n\.\n", rest)
    return "\n".join(" ".join(part.split()) for part in (synopsis, *paragraphs) if part.strip())


def choose(packages: list[Package], rows: int) -> list[Package]:
    """`rows` packages in an order that only their names decide; rare values first, common ones capped."""
    order = sorted(packages, key=lambda package: hashlib.sha256(f"sample/{package.name}".encode()).digest())
    caps = {field: int(share * rows) for field, share in LARGEST_SHARE.items()}
    taken: dict[str, Package] = {}
    counts: dict[str, Counter[str]] = {field: Counter() for field in FIELDS}
    sources: Counter[str] = Counter()
    texts: set[str] = set()

    def take(package: Package) -> None:
        key = " ".join(re.findall(r"\w+", package.description.lower()))
        full = any(counts[field][value] >= caps[field] for field, value in package.facets.items())
        if full or package.name in taken or key in texts or sources[package.source] >= PER_SOURCE or len(taken) >= rows:
            return
        taken[package.name] = package
        sources[package.source] += 1
        texts.add(key)
        for field, value in package.facets.items():
            counts[field][value] += 1

    for field, values in FIELDS.items():
        for value in values:
            for package in order:
                if package.facets[field] == value and counts[field][value] < FEWEST:
                    take(package)
    for package in order:
        take(package)
    return [package for package in order if package.name in taken]


def row(package: Package) -> dict[str, object]:
    """One training row: the conversation, who it belongs with, and where it comes from."""
    return {
        "id": package.name,
        "group": package.source,
        "messages": [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": package.description},
            {"role": "assistant", "content": json.dumps(package.facets)},
        ],
        "metadata": {"version": package.version, "tags": list(package.tags)},
    }


def schema() -> dict[str, object]:
    """JSON Schema of the answer."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Facets of a Debian package",
        "type": "object",
        "properties": {field: {"type": "string", "enum": list(values)} for field, values in FIELDS.items()},
        "required": list(FIELDS),
        "additionalProperties": False,
    }


if __name__ == "__main__":
    main()
