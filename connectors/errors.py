"""What goes wrong between the outside world and records. One root; no transport is known here."""

from __future__ import annotations


class ConnectorError(Exception):
    """Root of everything that connectors raise."""


class MappingError(ConnectorError):
    """A connector's YAML is not as it should be: the message names file, line, path and what would be right."""


class DeliveryError(ConnectorError):
    """A file, page or message cannot be read as a whole: the message says why, never its content."""


class SourceUnavailableError(ConnectorError):
    """A database, API or folder cannot be reached now."""


class DeclarationError(ConnectorError):
    """A customs declaration cannot be built as it is: the message names the field and its limit."""
