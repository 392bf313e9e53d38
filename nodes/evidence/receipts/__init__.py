"""The parts of a receipt's verification: its statements in the log, its inputs, who asked and agreed, what was opened [P5.5]."""
