"""What members that only dial out tell each other: notice boards, the turn that posts and reads, heads compared."""
