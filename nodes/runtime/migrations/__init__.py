"""How a process's databases get their tables, and change them from one version of the program to the next: Alembic, one history for each kind."""
