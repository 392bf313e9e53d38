"""Point rules, stages and credit lines: what turns a record's values into points, and points into money."""
