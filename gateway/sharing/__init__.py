"""What zones let each other have beside their logs: this zone's packs, products, policies and statistics offered, the peers' shown [F16–F18]."""
