"""Run the notebooks, keep what is still true, and build the book.

Three kinds of work, each with one entry point:

- `run_notebook` runs one analysis on anyone's data and leaves a notebook and a web page;
- `build_book` reruns the notebooks that are out of date and builds the book;
- `serve` shows the built book in a browser.

A notebook is out of date when its text, its parameters, `hatlib`, the data that it read or the
installed versions changed since its last run. The record is kept in `state.json`.
"""

from hatlib.errors import RunError
from hatlib.publish.building import Book, build_book
from hatlib.publish.catalogue import Notebook, Parameter, bind, notebooks, notebooks_markdown
from hatlib.publish.places import find_root
from hatlib.publish.run import Run, report, run_notebook
from hatlib.publish.server import serve

__all__ = [
    "Book",
    "Notebook",
    "Parameter",
    "Run",
    "RunError",
    "bind",
    "build_book",
    "find_root",
    "notebooks",
    "notebooks_markdown",
    "report",
    "run_notebook",
    "serve",
]
