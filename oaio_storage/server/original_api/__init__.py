"""The nine slugs of the original, frozen, as the wire contract says; one module for each noun."""
