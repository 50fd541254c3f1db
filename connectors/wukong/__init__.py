"""悟空CRM 11 (self-hosted, Java edition): customers, contacts and signed contracts in; document numbers back."""
