"""Customs declarations of the single window: the import client's folders and messages, joined into declarations with their history, and records."""
