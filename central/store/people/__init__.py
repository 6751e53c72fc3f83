"""What is kept of people: their accounts, their acts, and what lies under seal."""
