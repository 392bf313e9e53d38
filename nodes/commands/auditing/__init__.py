"""Commands of those who check: receipts, whole logs, draws."""
