"""Faults for real processes: kills at durable writes, failing storage, wrong clocks, a lossy network; and what must hold after any of them."""
