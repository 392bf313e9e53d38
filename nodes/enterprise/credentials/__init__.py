"""Scores carried into other zones: credentials made of an enterprise's receipts and shown there with its own key [F10, F11, F15]."""
