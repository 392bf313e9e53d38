"""Records of whoever has some (a department, a bank its loan book, the gateway its register): what connectors deliver, in versions none of which is
overwritten, and what waits for a person. Knows no process."""
