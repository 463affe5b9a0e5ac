"""Files to validated tables, with one report."""

from pathlib import Path


def data_folder() -> Path:
    """The folder of the tables that come with the book."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_data"
    return installed if installed.is_dir() else package.parent / "data"
