"""The authority's work: founding a zone, conducting an epoch, publishing what it gave."""
