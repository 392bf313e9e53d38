"""The zone's key in its custodians' hands: generations of shares, rounds that renew them, and who is to blame for a partial that is wrong."""
