"""``xinqiao doctor``: what keeps, or will keep, one process from serving, and what to do about it."""
