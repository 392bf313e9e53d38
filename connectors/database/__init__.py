"""Views of a department's database, read in batches."""
