"""The bank node: keeps consents given to it, asks the gateway for scores, opens and verifies the answers, keeps receipts. Only dials out."""
