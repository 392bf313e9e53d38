"""``xinqiao database`` and ``xinqiao backup``: what a process keeps, brought up to date, taken and put back."""
