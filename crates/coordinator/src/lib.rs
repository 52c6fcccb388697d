//! The coordinator runtime and the group machine over it. Pure.
