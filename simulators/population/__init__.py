"""Simulated enterprises: who they are, and which department holds which of their records. Stands in for the real registers."""
