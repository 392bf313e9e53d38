"""A custodian: holds one share of the zone's key and opens only what a logged ticket allows, after checking all of it by itself."""
