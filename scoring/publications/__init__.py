"""What an authority publishes about enterprises by name: ranking lists and flats for talent, by consent, with a notice period. Pure."""
