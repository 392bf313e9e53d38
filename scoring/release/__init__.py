"""Releases: what is asked for, aggregated, opened, ranked and certified."""
