"""The bank node: keeps consents given to it, asks the gateway for scores, opens and verifies the answers, keeps receipts. Contributes its
loan book, encrypted, to sums over banks. Only dials out."""
