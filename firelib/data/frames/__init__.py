"""Tables as dataframes: what `transform` gets, what it returns, and what may be wrong with it."""
