//! Frames on a connection: four bytes of length, then as many bytes; of a request, they begin with its header.

use bytes::BytesMut;

use crate::ApiKey;
use crate::messages::RequestHeader;
use crate::wire::{DecodeError, Reader};

/// The bytes read from one connection and not yet handled. Holds no memory while it is empty.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    bytes: BytesMut,
}

/// What the buffer begins with.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A frame of so many bytes, all of them there.
    Complete(usize),
    /// A frame of so many bytes of which some are missing.
    Partial(usize),
    /// Not even a length.
    Nothing,
    /// A length that the limit forbids.
    TooLarge(i32),
}

/// What one read asks for when nothing is known of the frame.
const READ_BYTES: usize = 16 * 1024;
/// What is reserved at most ahead of what has arrived: a length prefix alone never costs more.
const AHEAD_BYTES: usize = 1024 * 1024;

impl FrameBuffer {
    /// What the buffer begins with, where frames may have `max_frame_bytes` without their length.
    pub fn next(&self, max_frame_bytes: usize) -> Next {
        let Some(prefix) = self.bytes.first_chunk::<4>() else { return Next::Nothing };
        let announced = i32::from_be_bytes(*prefix);
        match usize::try_from(announced) {
            Ok(length) if length <= max_frame_bytes => {
                if self.bytes.len() - 4 >= length {
                    Next::Complete(length)
                } else {
                    Next::Partial(length)
                }
            }
            _ => Next::TooLarge(announced),
        }
    }

    /// Takes a frame that [`next`](Self::next) called complete, without its length.
    ///
    /// # Panics
    /// Where the buffer has less than that.
    pub fn take(&mut self, length: usize) -> BytesMut {
        let mut frame = self.bytes.split_to(4 + length);
        let _ = frame.split_to(4);
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        frame
    }

    /// Room for the next read: at least one byte, and never much more than has arrived.
    pub fn reserve(&mut self, max_frame_bytes: usize) -> &mut BytesMut {
        let want = match self.next(max_frame_bytes) {
            Next::Partial(length) => {
                // Doubling what has arrived keeps the copies few and the promise of a prefix cheap.
                let missing = 4 + length - self.bytes.len();
                missing.min(AHEAD_BYTES.max(self.bytes.len()))
            }
            _ => READ_BYTES,
        };
        if self.bytes.capacity() - self.bytes.len() < want.min(READ_BYTES)
            || matches!(self.next(max_frame_bytes), Next::Partial(_))
        {
            self.bytes.reserve(want);
        }
        &mut self.bytes
    }

    /// Gives the memory back where nothing is waiting in it.
    pub fn release_if_empty(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    /// Whether nothing has arrived that was not taken.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// The fixed start of a request, which every version of every API has: it decides how the rest is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The API; any number.
    pub api_key: i16,
    /// Its version; any number.
    pub version: i16,
    /// What the answer will repeat.
    pub correlation_id: i32,
}

impl RequestHead {
    /// Reads it from the start of a frame.
    pub fn read(frame: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(frame);
        Ok(Self { api_key: reader.i16()?, version: reader.i16()?, correlation_id: reader.i32()? })
    }
}

/// Reads the whole header of a request of `api` and says where the body begins, and the client's id.
pub fn read_header(frame: &[u8], api: ApiKey, version: i16) -> Result<(usize, Box<str>), DecodeError> {
    let mut reader = Reader::new(frame);
    let header = RequestHeader::decode(&mut reader, api.request_header_version(version))?;
    let client_id = header.client_id.map_or_else(Box::default, |id| id.into_owned().into_boxed_str());
    Ok((frame.len() - reader.remaining().len(), client_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buffer(bytes: &[u8]) -> FrameBuffer {
        FrameBuffer { bytes: BytesMut::from(bytes) }
    }

    #[test]
    fn tells_what_is_there() {
        let check = |bytes: &[u8], expect| assert_eq!(buffer(bytes).next(100), expect, "{bytes:?}");
        check(&[], Next::Nothing);
        check(&[0, 0, 0], Next::Nothing);
        check(&[0, 0, 0, 2, 9], Next::Partial(2));
        check(&[0, 0, 0, 2, 9, 8], Next::Complete(2));
        check(&[0, 0, 0, 101], Next::TooLarge(101));
        check(&[0xff, 0xff, 0xff, 0xff], Next::TooLarge(-1));
    }

    #[test]
    fn takes_one_frame_and_keeps_the_rest() {
        let mut buffer = buffer(&[0, 0, 0, 1, 7, 0, 0, 0, 2, 8, 9]);
        assert_eq!(&buffer.take(1)[..], &[7]);
        assert_eq!(buffer.next(100), Next::Complete(2));
        assert_eq!(&buffer.take(2)[..], &[8, 9]);
        assert!(buffer.is_empty());
    }

    #[test]
    fn a_prefix_alone_reserves_little() {
        let mut buffer = buffer(&[5, 0, 0, 0]);
        assert!(buffer.reserve(100 << 20).capacity() <= 2 * AHEAD_BYTES);
    }
}
