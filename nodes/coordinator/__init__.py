"""The coordinator: takes contributions, adds and weighs ciphertexts, carries work and sealed answers. Holds no key share, no record, no name."""
