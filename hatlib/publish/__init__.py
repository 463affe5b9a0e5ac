"""Run the notebooks, keep what is still true, and build the book.

Three kinds of work, each with one entry point:

- `run.run_notebook` runs one analysis on anyone's data and leaves a notebook and a web page;
- `building.build_book` reruns the notebooks that are out of date and builds the book;
- `server.serve` shows the built book in a browser.

A notebook is out of date when its text, its parameters, `hatlib`, the data that it read or the
installed versions changed since its last run. The record is kept in `state.json`.
"""
