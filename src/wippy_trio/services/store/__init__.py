"""``store.*``: key-value stores."""
