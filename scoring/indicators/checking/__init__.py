"""Whether the parts of a pack fit together."""
