"""`templates`: the Jet language, as pure functions from data to text."""
