"""What would raise an enterprise's total: from the model's public rules and the points that the enterprise opened for itself [Q1]."""
