"""``xinqiao peer``: how two zones become each other's peers, and how they stand with each other."""
