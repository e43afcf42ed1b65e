//! What the access watch of a node costs on the wire when nothing happens.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::apart::Apart;
use crate::company::Company;

const SECONDS: u32 = 30;
/// What a client says before its first frame.
const PREFACE: usize = 24;
const FRAME_HEADER: usize = 9;

/// The frames of HTTP/2 that pass in one direction: of each type how many, and their bytes.
#[derive(Clone, Debug, Default)]
struct Passed {
    skip: usize,
    header: Vec<u8>,
    frames: BTreeMap<u8, (u32, usize)>,
}

/// A proxy on loopback that counts.
struct Tap {
    address: SocketAddr,
    from_node: Arc<Mutex<Passed>>,
    to_node: Arc<Mutex<Passed>>,
}

pub async fn measure() {
    let apart = Apart::start().await;
    let _company = Company::open(&apart.callers().await).await;
    let tap = Tap::to(apart.permissions.endpoints.permissions.expect("permissions")).await;
    let _node = apart.another_node(tap.address).await;
    let directions = [("node to permissions", &tap.from_node), ("permissions to node", &tap.to_node)];
    let before = directions.map(|(_, passed)| passed.lock().expect("whole").clone());
    tokio::time::sleep(Duration::from_secs(SECONDS.into())).await;

    println!("| direction | frames in a second | bytes in a second | in {SECONDS} s |\n|---|---|---|---|");
    for ((direction, passed), before) in directions.into_iter().zip(before) {
        let passed = passed.lock().expect("whole").since(&before);
        let (frames, bytes) = passed.values().fold((0, 0), |(frames, bytes), (more, size)| (frames + more, bytes + size));
        let kinds: Vec<String> =
            passed.iter().map(|(kind, (frames, bytes))| format!("{frames} {kind} of {bytes} bytes")).collect();
        let seconds = f64::from(SECONDS);
        let bytes = u32::try_from(bytes).map_or(f64::INFINITY, f64::from);
        println!("| {direction} | {:.1} | {:.0} | {} |", f64::from(frames) / seconds, bytes / seconds, kinds.join(", "));
    }
}

impl Tap {
    async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let from_node = Arc::new(Mutex::new(Passed { skip: PREFACE, ..Passed::default() }));
        let tap = Self { address: listener.local_addr().expect("its address"), from_node, to_node: Arc::default() };
        let (from_node, to_node) = (Arc::clone(&tap.from_node), Arc::clone(&tap.to_node));
        tokio::spawn(async move {
            // The node has one connection.
            let (near, _) = listener.accept().await.expect("the node");
            let far = TcpStream::connect(target).await.expect("the permissions service");
            for end in [&near, &far] {
                end.set_nodelay(true).expect("an open socket");
            }
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::join!(carry(near_in, far_out, from_node), carry(far_in, near_out, to_node));
        });
        tap
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, passed: Arc<Mutex<Passed>>) {
    let mut bytes = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        passed.lock().expect("whole").take(&bytes[..read]);
        if to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

impl Passed {
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            (self.skip, bytes) = (self.skip - skipped, &bytes[skipped..]);
            let missing = FRAME_HEADER - self.header.len();
            let (more, rest) = bytes.split_at(missing.min(bytes.len()));
            self.header.extend_from_slice(more);
            bytes = rest;
            if let [high, middle, low, kind, ..] = self.header[..]
                && self.header.len() == FRAME_HEADER
            {
                self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                let (frames, size) = self.frames.entry(kind).or_default();
                (*frames, *size) = (*frames + 1, *size + FRAME_HEADER + self.skip);
                self.header.clear();
            }
        }
    }

    /// What has passed since then, by the names of the types.
    fn since(&self, before: &Self) -> BTreeMap<&'static str, (u32, usize)> {
        let name = |kind| match kind {
            0 => "DATA",
            1 => "HEADERS",
            3 => "RST_STREAM",
            4 => "SETTINGS",
            6 => "PING",
            8 => "WINDOW_UPDATE",
            _ => "others",
        };
        let mut since = BTreeMap::new();
        for (kind, (frames, bytes)) in &self.frames {
            let (frames_before, bytes_before) = before.frames.get(kind).copied().unwrap_or_default();
            if *frames > frames_before {
                since.insert(name(*kind), (frames - frames_before, bytes - bytes_before));
            }
        }
        since
    }
}
