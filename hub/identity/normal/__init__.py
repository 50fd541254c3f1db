"""Normal forms: what is written in many ways, as it is compared. Pure functions over tables, no store and no record in sight."""
