//! The records of `__cluster_metadata`, as one type generated from the schemas.

use crate::wire::{DecodeError, EncodeError, Reader, Writer};

include!(concat!(env!("OUT_DIR"), "/metadata_records.rs"));
