"""One file a suite. A cold suite gets a class of System and starts its own; a warm one gets a broker that has worked."""
