"""The mathematics of the exchange: encryption, sharing, proofs, trees, envelopes. No I/O, clock or randomness of its own."""
