"""Widths of windows that pages must fit, in CSS pixels."""

DESKTOP, PHONE = 1280, 390
