"""Commands of a department's people: ways in, quarantine, what leaves the node, disputes and filings."""
