"""A contributor under audit: what an auditor may have opened, and the openings [P6, P2.4]."""
