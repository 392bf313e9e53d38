"""What several tests build on: a whole zone in memory."""
