"""Packs that extend others: put together, and written down."""
