"""Cases (差评整改): what follows a bad rating, a complaint or a low rank. Pure: a case is its
steps; its state and its limits are folded from them, a policy and a calendar (RULES 8).
"""
