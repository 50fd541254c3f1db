"""Files of customers: read, cleaned, put in order, and decided by the one resolver, with a second process's help."""
