"""The command line's part that needs a whole zone on one machine."""
