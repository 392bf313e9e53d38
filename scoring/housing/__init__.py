"""Flats for talent (人才公寓): who may apply, in which order estates take applicants, and the matching of both sides. Pure."""
