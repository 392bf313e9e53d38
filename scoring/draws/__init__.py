"""Audit draws: what is drawn of an epoch's contributions, who may say so, and whether what was opened agrees. Pure [P6, P2.4, P4.5]."""
