"""What a process's standing in the zone rests on and how long it lasts: certificate and keys, replaced while it runs; the registry."""
