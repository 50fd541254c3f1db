"""Invoices: completing what a buyer asked for, the queue of what is missing, and what became of documents."""
