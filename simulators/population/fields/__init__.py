"""Record fields of simulated enterprises: latent traits, a catalogue by field name, and what holds for a field that it does not name."""
