//! A proxy between client and broker that cuts connections where a check wants it.

use std::collections::HashSet;
use std::io::{Error, Result};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const PRODUCE: u16 = 0;
const FRAME_MAX_BYTES: usize = 64 << 20;

/// A proxy between a client and one broker, which breaks connections where that hurts a producer: in the middle of a Produce request,
/// and after the broker wrote the records but before its answer. Where an answer names the broker's port, the client reads the
/// proxy's, and stays with it.
pub struct Proxy {
    pub address: String,
    state: Arc<State>,
}

struct State {
    broker: String,
    /// The broker's name in its answers, and the proxy's.
    names: [Vec<u8>; 2],
    /// The client died.
    dead: watch::Sender<bool>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    every: usize,
    produces: usize,
    halves: usize,
    answers: usize,
}

enum Cut {
    Nothing,
    Half,
    Answer,
}

impl Proxy {
    /// A proxy to the broker that cuts in every n-th Produce: in turns its request in half, and its answer off. None with 0.
    pub async fn new(broker: &str, every: usize) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            broker: broker.to_owned(),
            names: [broker.rsplit(':').next().unwrap().parse().unwrap(), port].map(named),
            dead: watch::Sender::new(false),
            counts: Mutex::new(Counts { every, ..Counts::default() }),
        });
        tokio::spawn(accept(listener, state.clone()));
        Proxy { address: format!("127.0.0.1:{port}"), state }
    }

    /// The requests that were cut in half, and the answers that were lost.
    pub fn cuts(&self) -> (usize, usize) {
        let counts = self.state.counts.lock().unwrap();
        (counts.halves, counts.answers)
    }

    /// Every connection ends without a word, and no new one comes about: to the broker, its client died.
    pub fn cut_off(&self) {
        self.state.dead.send_replace(true);
    }
}

fn named(port: u16) -> Vec<u8> {
    [b"127.0.0.1".as_slice(), &i32::from(port).to_be_bytes()].concat()
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut dead = state.dead.subscribe();
    loop {
        tokio::select! {
            _ = dead.wait_for(|dead| *dead) => return,
            Ok((client, _)) = listener.accept() => {
                tokio::spawn(link(client, state.clone()));
            }
        }
    }
}

/// One connection of the client's and the one of its own to the broker. Both end with the first half that ends.
async fn link(client: TcpStream, state: Arc<State>) {
    let Ok(broker) = TcpStream::connect(&state.broker).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = broker.into_split();
    let lost = Mutex::new(HashSet::new());
    let mut dead = state.dead.subscribe();
    tokio::select! {
        _ = dead.wait_for(|dead| *dead) => {}
        _ = state.requests(from_client, to_broker, &lost) => {}
        _ = state.answers(from_broker, to_client, &lost) => {}
    }
}

impl State {
    async fn requests(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        lost: &Mutex<HashSet<u32>>,
    ) -> Result<()> {
        loop {
            let frame = frame(&mut from).await?;
            match self.cut(&frame) {
                Cut::Half => return to.write_all(&frame[..frame.len() / 2]).await,
                Cut::Answer => lost.lock().unwrap().insert(be32(&frame, 8)),
                Cut::Nothing => false,
            };
            to.write_all(&frame).await?;
        }
    }

    async fn answers(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        lost: &Mutex<HashSet<u32>>,
    ) -> Result<()> {
        loop {
            let mut frame = frame(&mut from).await?;
            if lost.lock().unwrap().contains(&be32(&frame, 4)) {
                self.counts.lock().unwrap().answers += 1;
                return Ok(());
            }
            let [theirs, ours] = &self.names;
            for at in 0..=frame.len().saturating_sub(theirs.len()) {
                if frame[at..].starts_with(theirs) {
                    frame[at..at + ours.len()].copy_from_slice(ours);
                }
            }
            to.write_all(&frame).await?;
        }
    }

    fn cut(&self, frame: &[u8]) -> Cut {
        if be32(frame, 4) >> 16 != u32::from(PRODUCE) {
            return Cut::Nothing;
        }
        let mut counts = self.counts.lock().unwrap();
        counts.produces += 1;
        if counts.every == 0 || counts.produces % counts.every != 0 {
            return Cut::Nothing;
        }
        if counts.produces / counts.every % 2 == 1 {
            counts.halves += 1;
            return Cut::Half;
        }
        Cut::Answer
    }
}

/// A frame with its length. The shortest one is a correlation id.
async fn frame(from: &mut OwnedReadHalf) -> Result<Vec<u8>> {
    let length = from.read_u32().await? as usize;
    if !(4..=FRAME_MAX_BYTES).contains(&length) {
        return Err(Error::other("no frame of Kafka's"));
    }
    let mut frame = vec![0; 4 + length];
    frame[..4].copy_from_slice(&(length as u32).to_be_bytes());
    from.read_exact(&mut frame[4..]).await?;
    Ok(frame)
}

fn be32(frame: &[u8], at: usize) -> u32 {
    frame.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_be_bytes)
}
