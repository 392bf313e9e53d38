"""The zone's HTTP face: signed queries, consents, epoch administration, the log. Holds no key share and no record; sees no bank's result."""
