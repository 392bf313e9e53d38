"""Applications for credit, as each of their parties keeps them: institution, guarantor, and the enterprise's service [E3, E4, E5]."""
