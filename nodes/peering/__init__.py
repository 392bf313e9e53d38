"""A peer zone's node: mirrors another zone's log and items, witnesses that log, and tells what it was shown. It only dials out."""
