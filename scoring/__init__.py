"""The rules of the exchange: models, points, consents, epochs, releases, audit judgement. Pure: no I/O, clock or randomness of its own."""
