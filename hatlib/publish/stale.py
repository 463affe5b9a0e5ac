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

from hatlib.publish.places import PACKAGE, Site, write


def sha(thing: Any) -> str:
    """The sha256 of bytes, or of anything that JSON can say."""
    data = thing if isinstance(thing, bytes) else json.dumps(thing, sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


def sha_file(path: Path) -> str:
    """The sha256 of a file; empty if there is none."""
    return sha(path.read_bytes()) if path.is_file() else ""


def sha_tree(*roots: Path, skip: Sequence[Path] = ()) -> str:
    """The sha256 of the names and the contents of all files that are not hidden."""
    found = []
    for root in roots:
        for path in [root] if root.is_file() else root.rglob("*"):
            inner = path.relative_to(root).parts
            hidden = any(part.startswith(".") or part == "__pycache__" for part in inner)
            if path.is_file() and not hidden and not any(map(path.is_relative_to, skip)):
                found.append(("/".join((root.name, *inner)), sha_file(path)))
    return sha(sorted(found))


def _sha_notebook(path: Path) -> str:
    """The sha256 of what a person wrote: cells and metadata, no outputs."""
    nb = json.loads(path.read_text(encoding="utf-8"))
    nb["metadata"].pop("language_info", None)
    for cell in nb["cells"]:
        for made in ("outputs", "execution_count"):
            cell.pop(made, None)
        cell["source"] = "".join(cell["source"])
    return sha(nb)


def sha_package() -> str:
    """The sha256 of the source of hatlib."""
    return sha_tree(PACKAGE)


def sha_tables() -> str:
    """The sha256 of what hatlib knows that is not code: thresholds, designs, rules, schemas."""
    return sha_tree(*PACKAGE.rglob("*.toml"), PACKAGE / "schemas")


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that the book needs."""
    from packaging.requirements import Requirement

    needs = map(Requirement, importlib.metadata.requires("hat-score") or ())
    names = {n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": "book"})}
    return {"python": sys.version, **{n: importlib.metadata.version(n) for n in sorted(names)}}


@functools.cache
def sha_versions() -> str:
    """The sha256 of the installed versions."""
    return sha(versions())


def inputs_of(source: Path, site: Site) -> dict[str, str]:
    """What a run depends on, apart from the files that it uses: data and modules of hatlib."""
    return {
        "its text": _sha_notebook(source),
        "its parameters": sha(dict(site.parameters)),
        "what hatlib knows": sha_tables(),
        "the installed versions": sha_versions(),
    }


def why_stale(inputs: Mapping[str, str], record: Mapping[str, str] | None, site: Site) -> str:
    """Say why a notebook must run again; empty if it need not."""
    if record is None:
        return "it has not run yet"
    now = {file: sha_file(site.root / file) for file in record} | {**inputs}
    return next((f"{what} changed" for what in now if now[what] != record.get(what)), "")


def read_state(site: Site) -> dict[str, Any]:
    """The record of the last run; an empty one if there is none that we can read."""
    try:
        state = json.loads((site.generated / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        state = None
    known = isinstance(state, dict) and state.get("schema") == 4
    return state if known else {"schema": 4, "notebooks": {}, "site": "", "scripts": ""}


def write_state(site: Site, state: Mapping[str, Any]) -> None:
    """Keep the record of the last runs."""
    write(site.generated / "state.json", json.dumps(state, indent=1, sort_keys=True))
