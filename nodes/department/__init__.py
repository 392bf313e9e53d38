"""A department's process: keeps its own records, scores them by the zone's model, and sends only ciphertexts out."""
