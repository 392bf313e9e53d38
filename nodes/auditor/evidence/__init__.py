"""What an audit reads and checks: mirrored trees, archives, statements, contents, receipts."""
