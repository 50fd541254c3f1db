"""JD 京东 shops (POP): see README.md."""
