//! The cluster's state as an image built from metadata records, and the controller that decides them. Pure.

pub mod configs;
