"""用友 YonBIP / YonSuite."""
