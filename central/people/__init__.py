"""Who may what: the tokens of those who call."""
