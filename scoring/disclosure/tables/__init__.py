"""Tables over many enterprises: which figures may be shown, so that nobody can compute one that may not [T1–T4]."""
