"""The enterprise service: keeps the keys of enterprises that let it, enrols them, signs their consents, opens their portraits for them."""
