"""The API of cases: the board, one case, its steps."""
