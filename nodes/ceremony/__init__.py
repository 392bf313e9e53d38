"""The key ceremony: the dealer's process, which makes the zone's key, shares it, and forgets it [P1.5]."""
