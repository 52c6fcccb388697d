//! Black box tests over the wire.
