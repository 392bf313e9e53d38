"""Traces of calls from process to process [H4]: what a span may tell, and where spans go."""
