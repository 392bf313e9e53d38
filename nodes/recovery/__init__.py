"""A zone's backup at its peers: sealed by who has the data, opened by who has the recovery key, put into empty state directories [F20–F22]."""
