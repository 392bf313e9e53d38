"""The auditor: replays whole logs against roots of trust that it has pinned, draws what to check, and witnesses checkpoints."""
