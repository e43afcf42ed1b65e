//! The two services as processes of their own, with a wire between them that can be cut.

use std::net::SocketAddr;

use crewline::party::Pair;
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::running::{Running, command};

/// Both services as processes of their own, with a wire between them that can be cut.
pub struct Apart {
    permissions: Running,
    chat: Running,
    pub wire: Wire,
    _keys: TempDir,
}

/// A proxy on loopback. While it is cut it passes nothing on, and nobody is told: as a network does.
pub struct Wire {
    whole: watch::Sender<bool>,
    address: SocketAddr,
}

impl Wire {
    async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let whole = watch::Sender::new(true);
        let state = whole.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, state.clone()));
            }
        });
        Self { whole, address }
    }

    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn carry(mut near: TcpStream, target: SocketAddr, mut whole: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(target).await else { return };
    loop {
        if whole.wait_for(|whole| *whole).await.is_err() {
            return;
        }
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => return,
            cut = whole.wait_for(|whole| !*whole) => if cut.is_err() { return },
        }
    }
}

impl Apart {
    pub async fn start() -> Self {
        let keys = TempDir::new().expect("a folder");
        let (signing, verifying) = (keys.path().join("signing.pem"), keys.path().join("verifying.pem"));
        let made = command(keys.path())
            .args(["keygen", "--signing-key"])
            .arg(&signing)
            .arg("--verifying-key")
            .arg(&verifying)
            .status()
            .expect("the binary");
        assert!(made.success());
        let (signing, verifying) = (signing.display().to_string(), verifying.display().to_string());
        let key = [("CREWLINE_IDENTITY__SIGNING_KEY_FILE", signing.as_str())];
        let public = [("CREWLINE_IDENTITY__VERIFYING_KEY_FILE", verifying.as_str())];
        let permissions = Running::start("permissions", &public).await;
        let wire = Wire::to(permissions.endpoints.permissions.expect("permissions")).await;
        let url = format!("http://{}", wire.address);
        let chat = Running::start("chat", &[key[0], ("CREWLINE_CHAT__PERMISSIONS_URL", &url)]).await;
        std::fs::copy(&signing, chat.data_dir().join("signing-key.pem")).expect("a key for the callers");
        Self { permissions, chat, wire, _keys: keys }
    }

    pub async fn callers(&self) -> Pair {
        let config = crewline::config::Config::read(None, Some(self.chat.data_dir())).expect("the defaults");
        let mut endpoints = self.chat.endpoints;
        endpoints.permissions = self.permissions.endpoints.permissions;
        Pair::new(&config, endpoints).await.expect("a signing key")
    }
}
