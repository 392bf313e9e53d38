"""Measurements of the exchange beside its peers, as ratios of one run on one machine [P8]. Not tests: nothing fails on a busy machine."""
