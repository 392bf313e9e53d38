"""Pages for people, the same in every process: who is signed in, templates in two languages, tables, charts, forms; deny by default [W1–W9]."""
