"""Policies for enterprises: their text read into conditions, conditions judged, and what is paid without application. Pure."""
