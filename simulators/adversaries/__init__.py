"""Hostile members with real keys, who speak the real interfaces and deviate as they like; and the arithmetic of what they would learn."""
