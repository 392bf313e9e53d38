"""The demonstration: a whole zone on this machine, from key ceremony to an auditor's verdict, as separate processes."""
