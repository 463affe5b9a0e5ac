"""What a run depends on, and whether its result is still true.

The record of the last runs is `state.json` among the generated files of the book.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hatlib.publish.places import PACKAGE, Site, write_text


def sha_of(*parts: bytes | str) -> str:
    """The sha256 of several parts; where one ends matters."""
    digest = hashlib.sha256()
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def sha_file(path: Path) -> str:
    """The sha256 of a file; empty if there is none."""
    return sha_of(path.read_bytes()) if path.is_file() else ""


def sha_tree(*roots: Path, skip: Sequence[Path] = ()) -> str:
    """The sha256 of the names and the contents of all files that are not hidden."""
    parts: list[bytes | str] = []
    for root in roots:
        for path in sorted([root] if root.is_file() else root.rglob("*")):
            inner = path.relative_to(root).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in inner)
            if path.is_file() and not hidden and not any(map(path.is_relative_to, skip)):
                parts += [f"{root.name}/{'/'.join(inner)}", path.read_bytes()]
    return sha_of(*parts)


def _sha_notebook(path: Path) -> str:
    """The sha256 of what a person wrote: cells and metadata, no outputs."""
    nb = json.loads(path.read_text(encoding="utf-8"))
    nb["metadata"].pop("language_info", None)
    for cell in nb["cells"]:
        for made in ("outputs", "execution_count"):
            cell.pop(made, None)
        cell["source"] = "".join(cell["source"])
    return sha_of(json.dumps(nb, sort_keys=True))


def sha_package() -> str:
    """The sha256 of the source of hatlib."""
    return sha_tree(PACKAGE, skip=(PACKAGE / "_data", PACKAGE / "_notebooks"))


def sha_tables() -> str:
    """The sha256 of what hatlib knows that is not code: thresholds, designs, rules, schemas."""
    files = sorted(PACKAGE.rglob("*.toml")) + sorted((PACKAGE / "schemas").glob("*"))
    return sha_tree(*(path for path in files if not path.is_relative_to(PACKAGE / "_data")))


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that the book needs."""
    from packaging.requirements import Requirement

    needs = map(Requirement, importlib.metadata.requires("hat-score") or ())
    names = {n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": "book"})}
    return {"python": sys.version, **{n: importlib.metadata.version(n) for n in sorted(names)}}


@functools.cache
def sha_versions() -> str:
    """The sha256 of the installed versions."""
    return sha_of(json.dumps(versions()))


def inputs_of(source: Path, parameters: Mapping[str, Any]) -> dict[str, str]:
    """What a run depends on, apart from the data that it reads and the modules that it imports."""
    return {
        "its text": _sha_notebook(source),
        "its parameters": sha_of(json.dumps(dict(parameters), sort_keys=True)),
        "what hatlib knows": sha_tables(),
        "the installed versions": sha_versions(),
    }


def why_stale(inputs: Mapping[str, str], record: Mapping[str, Any], site: Site) -> str:
    """Say why a notebook must run again; empty if it need not."""
    if not record:
        return "it has not run yet"
    files = record["reads"] | record["modules"]
    now = {**inputs, **{file: sha_file(site.root / file) for file in files}}
    known = record["inputs"] | files
    return next((f"{what} changed" for what, sha in now.items() if known.get(what) != sha), "")


def read_state(site: Site) -> dict[str, Any]:
    """The record of the last run; an empty one if there is none that we can read."""
    empty: dict[str, Any] = {"schema": 3, "notebooks": {}, "site": "", "scripts": ""}
    try:
        state = json.loads((site.generated / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return empty
    return state if isinstance(state, dict) and state.get("schema") == 3 else empty


def write_state(site: Site, state: Mapping[str, Any]) -> None:
    """Keep the record of the last runs."""
    write_text(site.generated / "state.json", json.dumps(state, indent=1, sort_keys=True) + "\n")
