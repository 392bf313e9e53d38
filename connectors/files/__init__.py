"""Files that a department drops into a watched folder: CSV and workbooks, and the life of each."""
