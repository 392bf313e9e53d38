"""The gateway's first page, open to all: what this zone is, which epochs there are, and where to go from here."""
