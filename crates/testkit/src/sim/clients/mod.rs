//! The clients: each knows what it was told, and does next what a real one would.

mod admin;
mod fetcher;
mod member;
mod producer;

pub(crate) use admin::Admin;
pub(crate) use fetcher::Fetcher;
pub(crate) use member::{Asked, Member};
pub(crate) use producer::Producer;
