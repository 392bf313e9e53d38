"""The enterprise's own pages (企业码): portrait, consents, values, customs messages, loans [Q4–Q7].

Every route takes the enterprise from the session and no other: there is no code of an enterprise in any address.
"""
