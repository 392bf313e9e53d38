"""Corrections of what was contributed to an open epoch: which epochs are open, and what is said again."""
