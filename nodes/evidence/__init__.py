"""Evidence judged by whoever holds it, an auditor or another: receipts, mirrored trees, archives, their statements and contents."""
