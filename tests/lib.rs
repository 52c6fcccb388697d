//! Black box tests live in `blackbox/`; this library is empty so that the package has a target.
