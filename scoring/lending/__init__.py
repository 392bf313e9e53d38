"""Credit on innovation points: terms of products, the life of an application, what is owed, guarantees, and the risk-compensation pool."""
