"""What the demonstration's people do with released results beside scores: policies, and loans that flow back."""
