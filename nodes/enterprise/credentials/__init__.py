"""Scores carried into other zones: credentials made of an enterprise's receipts and shown there with its own key [F11–F13]."""
