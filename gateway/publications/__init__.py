"""Ranking lists and flats for talent: announced, answered by enterprises, on public notice, published (docs/specs/publications.md)."""
