"""A model as people write and read it: the text of a pack, rules as phrases, the sheets of a workbook, packs beside each other."""
