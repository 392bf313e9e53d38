"""The department's own page on its loopback address: what leaves the node, what is missing, what waits, and who lets it go [A1]."""
