"""The clerks' pages of a bank node: applications, loan book, repayments, scores with receipts, products, the list of the dishonest."""
