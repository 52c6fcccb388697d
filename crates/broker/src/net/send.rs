//! Writing an answer: bytes by vectored writes, file ranges by sendfile.

use std::io::{self, IoSlice};
use std::os::fd::AsFd as _;

use bytes::{Buf as _, Bytes};
use protocol::records::{FileRange, Segment};
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::cold;

/// How many slices one vectored write takes.
const SLICES: usize = 16;
/// What one sendfile call moves at most, so that one connection does not hold its thread.
const SENDFILE_BYTES: usize = 1 << 20;

/// Writes all segments, in order.
pub(super) async fn send(stream: &TcpStream, segments: Vec<Segment>) -> io::Result<()> {
    let mut run: Vec<Bytes> = Vec::new();
    for segment in segments {
        match segment {
            Segment::Bytes(bytes) => run.push(bytes),
            Segment::File(range) => {
                send_bytes(stream, std::mem::take(&mut run)).await?;
                send_file(stream, &range).await?;
            }
        }
    }
    send_bytes(stream, run).await
}

async fn send_bytes(stream: &TcpStream, mut run: Vec<Bytes>) -> io::Result<()> {
    let mut first = 0;
    while first < run.len() {
        if run[first].is_empty() {
            first += 1;
            continue;
        }
        let slices: Vec<IoSlice<'_>> =
            run[first..].iter().take(SLICES).map(|bytes| IoSlice::new(bytes)).collect();
        let mut written = match stream.try_write_vectored(&slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.writable().await?;
                continue;
            }
            Err(error) => return Err(error),
        };
        while written > 0 {
            let step = written.min(run[first].len());
            run[first].advance(step);
            written -= step;
            if run[first].is_empty() {
                first += 1;
            }
        }
    }
    Ok(())
}

async fn send_file(stream: &TcpStream, range: &FileRange) -> io::Result<()> {
    let mut offset = range.offset;
    let end = range.offset + range.len;
    let mut warm_to = offset;
    while offset < end {
        let step = SENDFILE_BYTES.min((end - offset) as usize);
        if offset >= warm_to {
            cold::warm(range, offset, step as u64).await;
            warm_to = offset + step as u64;
        }
        let sent = stream
            .async_io(Interest::WRITABLE, || {
                rustix::fs::sendfile(stream.as_fd(), range.file.as_fd(), Some(&mut offset), step)
                    .map_err(io::Error::from)
            })
            .await?;
        if sent == 0 {
            // The frame's length has been promised: a file that ended early can only end the connection.
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "a log file ended before the range being sent",
            ));
        }
    }
    Ok(())
}
