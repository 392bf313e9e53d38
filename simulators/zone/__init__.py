"""A whole zone on one machine: its members and their keys, its configurations, its processes. For demonstrations and tests only."""
