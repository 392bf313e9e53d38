"""``xinqiao model``: packs linted, shown, compared, scored with, written as workbooks."""
