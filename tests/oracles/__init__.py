"""Scores computed a second time, by plain arithmetic that knows the rules from their text and nothing of the program."""
