"""The centre (省级归集系统): every rating once, verified with its device's key, kept for ever.

Follow one rating: `api` (the hall's batch comes in) -> `intake` (one batch, one transaction) ->
`verify` (whose is it, is the MAC good) -> `filing` (is it new, what marks, how far is the device
covered) -> `store` (the rows) -> back as a verdict and a receipt signed with the device's own key.
"""
