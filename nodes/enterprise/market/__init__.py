"""The financial supermarket (金融超市) for enterprises: products with a line at once, applications from the first step to the last repayment [Q8]."""
