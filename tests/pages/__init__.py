"""The reference pages of the modules, sentence by sentence."""
