"""A process's own replica of the zone: follower, verified state, ciphertexts and rosters at hand."""
