//! The cluster's state as an image built from metadata records, and the controller that decides them. Pure.
//!
//! ```text
//! bytes of the log ─ records::decode ─► MetadataLoader::replay ─► ClusterImage + ClusterDelta ─► who follows
//! request ─ Controller (reads the image) ─► Outcome { records, reply } ─ records::encode ─► the log
//! ```
//! [`configs`] are the tables of properties: what there is, what is in force, which changes are allowed.
//!
//! *Invariant*: [`ClusterImage::replay`] is the only mutator. The controller reads an image and proposes records; it
//! keeps nothing beside it.

pub mod configs;
pub mod controller;
mod delta;
mod error;
mod features;
pub mod image;
mod loader;
mod metadata_version;
pub mod records;
mod resource;
pub mod topic_name;

pub use controller::{ApiError, Controller, Outcome};
pub use delta::{ClusterDelta, TopicDelta};
pub use error::Error;
pub use features::Feature;
pub use image::{Broker, ClusterImage, Listener, Partition, Topic};
pub use loader::MetadataLoader;
pub use metadata_version::MetadataVersion;
pub use resource::ConfigResource;
