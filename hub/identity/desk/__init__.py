"""What people see and do: questions, merges, relations, reasons in words, weights fitted to their answers."""
