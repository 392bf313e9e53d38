"""The register of enterprises by public facts: what the gateway's pages name and scope enterprises by. Holds nothing confidential."""
