//! HTTP/2 by hand, to send what no library would.

use std::io;
use std::net::SocketAddr;

use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const INITIAL_WINDOW_SIZE: u16 = 4;
const WIDEST: u32 = i32::MAX.unsigned_abs();

/// What came.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub payload: Vec<u8>,
}

/// A connection that has been greeted.
pub struct RawHttp2 {
    pub reading: Reading,
    pub writing: OwnedWriteHalf,
}

/// What the server says on it.
pub struct Reading(OwnedReadHalf);

/// A frame, as it is on the wire.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The preface, and settings that change nothing.
pub fn greeting() -> Vec<u8> {
    [PREFACE.as_slice(), &frame(SETTINGS, 0, 0, &[])].concat()
}

/// The same of a client that takes as much as the server likes to send.
pub fn greeting_with_wide_windows() -> Vec<u8> {
    let widest = [INITIAL_WINDOW_SIZE.to_be_bytes().as_slice(), &WIDEST.to_be_bytes()].concat();
    // A connection begins with a window of 65,535 bytes, whatever the settings say.
    let wider = (WIDEST - 65_535).to_be_bytes();
    [PREFACE.as_slice(), &frame(SETTINGS, 0, 0, &widest), &frame(WINDOW_UPDATE, 0, 0, &wider)].concat()
}

/// Fields of a header, none of them indexed or compressed.
pub fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            put_length(&mut block, text.len());
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// In seven bits, and what does not fit in as many more as it takes.
fn put_length(block: &mut Vec<u8>, length: usize) {
    let byte = |part: usize| u8::try_from(part).expect("seven bits");
    if length < 127 {
        block.push(byte(length));
        return;
    }
    block.push(127);
    let mut rest = length - 127;
    while rest >= 128 {
        block.push(byte(rest % 128) | 128);
        rest /= 128;
    }
    block.push(byte(rest));
}

/// The head of a call.
pub fn call(path: &str, token: &str) -> Vec<u8> {
    fields(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "test"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("authorization", &format!("Bearer {token}")),
    ])
}

/// A message, as it is in the body of a call.
pub fn body(message: &impl Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    [&[0], length.as_slice(), &message].concat()
}

/// A whole call with one message.
pub fn whole_call(stream: u32, path: &str, token: &str, message: &impl Message) -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, stream, &call(path, token)), frame(DATA, END_STREAM, stream, &body(message))].concat()
}

impl RawHttp2 {
    /// Connects and greets.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::greet(TcpStream::connect(address).await?, &greeting()).await
    }

    /// Greets on a connection.
    pub async fn greet(stream: TcpStream, greeting: &[u8]) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (reading, mut writing) = stream.into_split();
        writing.write_all(greeting).await?;
        Ok(Self { reading: Reading(reading), writing })
    }

    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writing.write_all(bytes).await
    }

    /// Whether the server answers a ping: it has taken the connection in, and serves it.
    pub async fn is_served(&mut self) -> bool {
        let ping = frame(PING, 0, 0, b"are you?");
        self.send(&ping).await.is_ok() && self.reading.until(|frame| frame.kind == PING && frame.flags & ACK != 0).await.is_some()
    }
}

impl Reading {
    /// The next frame; nothing when the connection has ended, in whichever way.
    pub async fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, ..] = head;
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Frame { kind, flags, payload })
    }

    /// The next frame that is wanted; nothing if the connection ends before it.
    pub async fn until(&mut self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.frame().await?;
            if wanted(&frame) {
                return Some(frame);
            }
        }
    }

    /// Reads to the end of the connection: the error code of the server's goodbye, if there was one.
    pub async fn goodbye(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.frame().await {
            if frame.kind == GOAWAY {
                code = frame.payload.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes);
            }
        }
        code
    }
}
