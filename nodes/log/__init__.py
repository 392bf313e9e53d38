"""The exchange log's process: admits statements, sequences them durably, has checkpoints witnessed, serves the tree [L1-L6]."""
