"""An institution's applications: its products, what its clerks do with an application, repayments, and the book that is contributed."""
