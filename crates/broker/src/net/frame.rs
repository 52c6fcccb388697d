//! Cutting frames out of a stream: four bytes of length, then as many bytes.

use bytes::BytesMut;

/// The bytes read from one connection and not yet handled. Holds no memory while it is empty.
#[derive(Default)]
pub(super) struct FrameBuffer {
    bytes: BytesMut,
}

/// What the buffer begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
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
    pub(super) fn next(&self, max_frame_bytes: usize) -> Next {
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

    /// Takes a complete frame, without its length.
    pub(super) fn take(&mut self, length: usize) -> BytesMut {
        let mut frame = self.bytes.split_to(4 + length);
        let _ = frame.split_to(4);
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
        frame
    }

    /// Room for the next read.
    pub(super) fn reserve(&mut self, max_frame_bytes: usize) -> &mut BytesMut {
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
    pub(super) fn release_if_empty(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = BytesMut::new();
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
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
