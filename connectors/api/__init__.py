"""JSON APIs over HTTP, read page by page."""
