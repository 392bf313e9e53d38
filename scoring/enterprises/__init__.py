"""What everybody may know of an enterprise, and how it is named and placed: public facts, trades, divisions. No I/O."""
