"""What is wrong, in words: the sentence that a rule, a name and the rule's bounds make.

An error is a value (protocol/field.py); this is for whoever reads it in English, on a server.
"""

# Every rule that a member can break.
SENTENCES = {
    "integer": "{} must be an integer from {} to {}",
    "string": "{} must be a string of {} to {} characters",
    "letters": "{} may only contain {}",
    "utf8": "{} must be text that UTF-8 can carry",
    "hidden": "{} may have no control characters and no bidirectional overrides",
    "one_of": "{} must be one of {}",
    "truth": "{} must be true or false",
    "list": "{} must be a list of {} to {} items",
    "object": "{} must be a JSON object",
    "json": "{} must be JSON in UTF-8",
    "bytes": "{} may have {} bytes, this one has {}",
    "envelope": "{} must be a record in one line, a line feed and 64 hex digits",
    "answer": "{} must stand behind its name without spaces",
    "padding": "{} must be a level and 15 zero bytes",
    "gap": "{} must hold [from, to, cause], from the lower to the higher seq",
}


def sentence_of(error) -> str:
    """The sentence of a ProtocolError."""
    if error.rule not in SENTENCES:
        return error.subject
    bounds = error.bounds
    if error.rule == "letters":
        bounds = (called(bounds[0]),)
    return SENTENCES[error.rule].format(error.subject, *bounds)


def called(alphabet: str) -> str:
    """What people call an alphabet: `A-Z, a-z, 0-9 and -`."""
    parts = []
    for among in (str.isupper, str.islower, str.isdigit):
        found = sorted([letter for letter in alphabet if among(letter)])
        if found:
            parts.append(f"{found[0]}-{found[-1]}")
    parts += [letter for letter in alphabet if letter in "-_.+"]
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
