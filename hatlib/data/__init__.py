"""Files to validated tables, with one report."""
