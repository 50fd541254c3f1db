"""Normal forms: what is written in many ways, as it is compared. Pure functions over tables, without store or record."""
