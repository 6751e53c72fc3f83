"""SQL of cases: what each is about and how it stands, and its steps."""
