"""The cockpit (驾驶舱): what officials of every level see of an epoch, from released results only."""
