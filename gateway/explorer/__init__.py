"""The auditor's explorer of the log: what the public log shows, with proofs that the reader can follow. Open to all where the log is."""
