"""What a demonstration writes and says: files of its run, the share with a line, the seconds of each step, the summary."""
