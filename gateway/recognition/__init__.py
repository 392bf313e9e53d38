"""Score credentials of other zones: taken from the enterprise itself, judged offline against pinned peers, shown to officials [F10–F14]."""
