"""The risk-compensation pool (风险补偿资金池) that the authority runs: institutions claim, an official decides, the ledger reconciles [E6]."""
