"""Stand-ins for departments' systems: files, a database view, an HTTP API, filled from a simulated population, each with its mapping."""
