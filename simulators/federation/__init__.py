"""The federated demonstration: several whole zones beside each other on this machine, which peer, replicate, fail and recover."""
