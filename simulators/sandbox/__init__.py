"""What a bank's engineer tries a client against: a small real zone, test keys, and every refusal of the signed interface made on purpose."""
