"""The documents that rosters and stages are: their form, and how one follows from the other."""
