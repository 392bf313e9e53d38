"""One row of a source → a record, by the mapping: cells, units, and why a row is not taken."""
