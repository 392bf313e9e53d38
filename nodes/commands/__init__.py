"""The command line's own part of the processes: one sub-command group a module."""
