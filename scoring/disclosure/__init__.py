"""Disclosure control: what a model would show to whom, who accepted that, and what each audience could open so far."""
