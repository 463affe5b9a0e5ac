"""Small pieces of sentences that are written from numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign and a true minus.

    Examples
    --------
    >>> signed(-0.0214), signed(0.1), signed(-0.00001)
    ('−0.021', '+0.100', '0.000')
    """
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text[1:] if not re.search(r"[1-9]", text) else text


def counted(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun.

    Examples
    --------
    >>> counted(1, "ladder"), counted(3000, "ladder"), counted(0, "family", "families")
    ('1 ladder', '3,000 ladders', 'no families')
    """
    return f"{f'{n:,}' if n else 'no'} {noun if n == 1 else plural or noun + 's'}"


def joined(words: list[str]) -> str:
    """Words as a list in a sentence.

    Examples
    --------
    >>> joined(["a"]), joined(["a", "b"]), joined(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def markdown_text(text: object) -> str:
    r"""Text from data, so that Markdown and HTML show it as it is.

    Examples
    --------
    >>> markdown_text("<b>*x*</b>")
    '&lt;b&gt;\\*x\\*&lt;/b&gt;'
    """
    escaped = str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = re.sub(r"[\r\n]+", " ", escaped)
    return re.sub(r"([\\`*_{}\[\]()#+!|$~:])", r"\\\1", escaped)


def built_in(truth: pd.DataFrame) -> str:
    """The transfer that was built into simulated answers, in a sentence for each benchmark.

    Parameters
    ----------
    truth : DataFrame
        Of `hatlib.Simulated`.
    """
    sentences = []
    macro = truth[truth["target"] == "macro"]
    for benchmark, rows in macro.groupby("benchmark", sort=False):
        ends = [f"{value:.2f}" for value in (rows["hat"].min(), rows["hat"].max())]
        sentences.append(
            f"{markdown_text(benchmark)}: {counted(len(rows), 'simulated model')} with a "
            f"built-in transfer of {' to '.join(dict.fromkeys(ends))}."
        )
    return " ".join(sentences)
