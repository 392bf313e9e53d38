"""Policies for the enterprises that this service serves: how each stands, what it lacks, and the steps that it signs."""
