//! Every message of Kafka 4.4, generated from `schemas/` by `build/`: requests, responses, headers, the records of the
//! internal topics and of the cluster metadata log. One module a message; the message itself is re-exported here.

mod prelude {
    pub(super) use crate::Uuid;
    pub(super) use crate::records::Records;
    pub(super) use crate::wire::{
        Blob, DecodeError, EncodeError, Message, Reader, Str, TagWriter, TaggedFields, Versioned, Writer,
        check_version,
    };
}

#[allow(missing_docs, unused_imports, clippy::all, clippy::pedantic)]
mod generated {
    use super::prelude;
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

pub use generated::*;
