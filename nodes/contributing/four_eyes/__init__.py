"""Four eyes (四眼): two persons of a department decide before a contribution is signed and leaves [A2, A3]."""
