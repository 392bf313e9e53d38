"""What is seen of a process from outside: whether it can serve, its metrics, its traces. Never what its work is about."""
