"""Can it be proved? `verify` holds everything against the signed envelopes; export."""
