"""A process's state on another medium: taken while it runs, checked, and put back into an empty state directory."""
