"""The auditor: verifies receipts and whole logs against roots of trust that it has pinned, and witnesses checkpoints."""
