"""What every contributor's process does: checks an epoch's opening, turns its own records into ciphertexts, sends them, opens what is drawn."""
