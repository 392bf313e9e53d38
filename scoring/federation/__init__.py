"""What zones say to each other beside their logs: score credentials, items that replicate, sealed backups. Pure rules (docs/specs/federation.md)."""
