"""The lab on this machine, for real: hosts of a second lab, apart from the one that is in everyday use."""
