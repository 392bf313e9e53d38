"""What the coordinator has on disk: its tables, and files under the digest of their content."""
