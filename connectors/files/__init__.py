"""Files: customers, orders and deals from CSV and Excel, by hand or from a folder."""
