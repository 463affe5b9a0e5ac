"""The pages of the Python interface: one a room, made from what `hatlib` exports."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import hatlib

ROOMS = ("data", "logs", "metric", "lines", "claims", "truth", "show")
"""Rooms with a page; what stands outside them is on the first page."""


def interface_maker(room: str) -> Callable[[Path], str]:
    """The maker of the page of one room; "" for what belongs to none."""

    def make(root: Path) -> str:
        return interface(room)

    return make


def interface(room: str) -> str:
    """Directives for the exported names of one room.

    Parameters
    ----------
    room : str
        One of `ROOMS`, or "" for names that belong to none of them.

    Returns
    -------
    str
        Markdown.

    Examples
    --------
    >>> "autofunction:: hatlib.metric.score.hat_scores" in interface("metric")
    True
    """
    lines = []
    for name in sorted(hatlib.__all__, key=str.casefold):
        thing = getattr(hatlib, name)
        module = getattr(thing, "__module__", "") or ""
        if not module.startswith("hatlib") or _room_of(module) != room:
            continue
        if inspect.isclass(thing):
            lines += [f".. autoclass:: {module}.{thing.__qualname__}", "   :members:"]
        elif callable(thing):
            lines.append(f".. autofunction:: {module}.{thing.__qualname__}")
    body = "\n".join(lines)
    return f"```{{eval-rst}}\n{body}\n```\n" if lines else "Nothing of this room is exported.\n"


def _room_of(module: str) -> str:
    part = module.split(".")[1] if "." in module else ""
    return part if part in ROOMS else ""
