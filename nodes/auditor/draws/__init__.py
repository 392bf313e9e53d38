"""An auditor's draws: committing, revealing, asking for what was drawn, judging it, logging the outcome [P6, P2.4]."""
