"""A model as the sheets of a workbook, both ways. Cells only; files are `nodes.commands.models.workbook`."""
