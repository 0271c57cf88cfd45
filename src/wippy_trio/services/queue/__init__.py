"""``queue.*``: messages that wait for whoever has time for them."""
