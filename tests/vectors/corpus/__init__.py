"""Makes tests/vectors/artifacts: good and bad receipts, logs and models, each bad one with one change."""
