"""A result to a chart, a table or a sentence."""
