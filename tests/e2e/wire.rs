//! A wire between two processes on loopback, as bad as a test wants it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

const CHUNK: usize = 4 * 1024;
/// Chunks under way in one direction.
const UNDER_WAY: usize = 64;

/// A proxy on loopback. While it is cut it passes nothing on, and nobody is told: as a network does.
pub struct Wire {
    quality: watch::Sender<Quality>,
    pub address: SocketAddr,
}

#[derive(Clone, Copy)]
struct Quality {
    whole: bool,
    /// In each direction.
    delay: Duration,
    /// In each direction of each connection.
    bytes_per_second: u32,
}

impl Default for Quality {
    fn default() -> Self {
        Self { whole: true, delay: Duration::ZERO, bytes_per_second: u32::MAX }
    }
}

impl Wire {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let quality = watch::Sender::new(Quality::default());
        let state = quality.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, state.clone()));
            }
        });
        Self { quality, address }
    }

    pub fn cut(&self) {
        self.quality.send_modify(|quality| quality.whole = false);
    }

    /// As good as new.
    pub fn mend(&self) {
        self.quality.send_replace(Quality::default());
    }

    /// Everything takes so much longer in each direction, and no more than so much passes.
    pub fn slow(&self, delay: Duration, bytes_per_second: u32) {
        self.quality.send_modify(|quality| (quality.delay, quality.bytes_per_second) = (delay, bytes_per_second));
    }
}

async fn carry(near: TcpStream, target: SocketAddr, quality: watch::Receiver<Quality>) {
    // The end of one is the end of both.
    let Ok(far) = TcpStream::connect(target).await else { return };
    // Else small frames wait for a delayed ACK.
    for end in [&near, &far] {
        end.set_nodelay(true).expect("an open socket");
    }
    let (near_read, near_write) = near.into_split();
    let (far_read, far_write) = far.into_split();
    tokio::select! {
        () = one_way(near_read, far_write, quality.clone()) => {}
        () = one_way(far_read, near_write, quality) => {}
    }
}

/// Passes on what comes, in its order, each piece when its time is there.
async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut quality: watch::Receiver<Quality>) {
    let (entering, mut leaving) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let delayed = quality.clone();
    let enter = async move {
        let mut chunk = vec![0; CHUNK];
        while let Ok(length @ 1..) = from.read(&mut chunk).await {
            let due = Instant::now() + delayed.borrow().delay;
            if entering.send((due, chunk[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let leave = async move {
        while let Some((due, chunk)) = leaving.recv().await {
            sleep_until(due).await;
            let Ok(rate) = quality.wait_for(|quality| quality.whole).await.map(|quality| quality.bytes_per_second) else {
                return;
            };
            if rate != u32::MAX {
                sleep(Duration::from_secs(1).mul_f64(chunk.len() as f64 / f64::from(rate))).await;
            }
            if to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(enter, leave);
}
