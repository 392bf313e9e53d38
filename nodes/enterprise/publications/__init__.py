"""Lists and flats as an enterprise answers them: asked whether it agrees to be named, which estates it wants, and its objections [N3, N4, Q8]."""
