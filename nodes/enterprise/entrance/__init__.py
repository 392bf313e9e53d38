"""How a person of an enterprise comes in: by an identity provider's assertion of the legal representative, afterwards by a passkey too [Q2, Q3]."""
