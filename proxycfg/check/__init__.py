"""`proxycfg check`: any config, byte for byte, on the real proxy."""
