"""Indicator models: packs read, checked and prepared; functionals; evaluation in the clear."""
