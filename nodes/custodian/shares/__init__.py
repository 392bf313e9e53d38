"""A custodian's shares of the key: what it holds at rest, how it renews them, and what its operator has approved."""
