//! Tagged fields (KIP-482): those we do not know are kept and written back.

use super::{DecodeError, EncodeError, Reader, Writer};

/// The tagged fields of a struct that the schema does not name. Costs a pointer when there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::box_collection,
    reason = "every struct has one and almost none has any: eight bytes, not twenty-four"
)]
pub struct TaggedFields(Option<Box<Vec<Tagged>>>);

/// A tag and its payload.
type Tagged = (u32, Box<[u8]>);

impl TaggedFields {
    /// Keeps the whole payload of an unknown tag.
    pub fn keep(&mut self, tag: u32, payload: &mut Reader<'_>) -> Result<(), DecodeError> {
        let bytes = payload.take(payload.remaining().len())?;
        self.push(tag, bytes);
        Ok(())
    }

    /// Adds a field; tags ascend.
    pub fn push(&mut self, tag: u32, payload: &[u8]) {
        self.0.get_or_insert_default().push((tag, payload.into()));
    }

    /// The fields in the order of their tags.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.0.iter().flat_map(|fields| fields.iter()).map(|(tag, payload)| (*tag, &**payload))
    }
}

/// Collects the tagged fields of one struct, known and unknown, and writes them in the order of their tags.
pub struct TagWriter<'u> {
    unknown: &'u TaggedFields,
    known: Vec<(u32, Vec<u8>)>,
}

impl<'u> TagWriter<'u> {
    /// Starts with the fields that were kept.
    pub const fn new(unknown: &'u TaggedFields) -> Self {
        Self { unknown, known: Vec::new() }
    }

    /// Adds a field that the schema names.
    pub fn put(
        &mut self,
        tag: u32,
        value: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let mut w = Writer::new();
        value(&mut w)?;
        self.known.push((tag, w.into_bytes()));
        Ok(())
    }

    /// Writes the section.
    pub fn finish(self, w: &mut Writer) {
        let mut all: Vec<(u32, &[u8])> = self
            .known
            .iter()
            .map(|(tag, payload)| (*tag, payload.as_slice()))
            .chain(self.unknown.iter())
            .collect();
        all.sort_by_key(|(tag, _)| *tag);
        w.uvarint(all.len() as u32);
        for (tag, payload) in all {
            w.uvarint(tag);
            w.uvarint(payload.len() as u32);
            w.raw(payload);
        }
    }
}
