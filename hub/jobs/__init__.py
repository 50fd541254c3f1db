"""Jobs: what runs when and where. The database is the truth; an engine only rings a bell."""
