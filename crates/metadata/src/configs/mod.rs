//! Properties of nodes, topics, groups and client metrics subscriptions: what there is, what is in force and why, and
//! which changes are allowed.
mod endpoint;
pub mod tables;
mod validators;
