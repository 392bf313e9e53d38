"""A department's records: what its connectors deliver, in versions none of which is overwritten, and what waits for a person."""
