//! The two services as processes of their own, with a wire between them that can be cut and slowed.

use std::net::SocketAddr;

use crewline::party::Pair;
use tempfile::TempDir;

use crate::running::{Running, command};
use crate::wire::Wire;

/// Both services as processes of their own.
pub struct Apart {
    pub permissions: Running,
    pub chat: Running,
    pub wire: Wire,
    signing_key: String,
    _keys: TempDir,
}

impl Apart {
    pub async fn start() -> Self {
        Self::with(&[], &[]).await
    }

    /// With configuration for either.
    pub async fn with(for_permissions: &[(&str, &str)], for_chat: &[(&str, &str)]) -> Self {
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
        let (signing_key, verifying) = (signing.display().to_string(), verifying.display().to_string());
        let public = [("CREWLINE_IDENTITY__VERIFYING_KEY_FILE", verifying.as_str())];
        let permissions = Running::start("permissions", &[&public, for_permissions].concat()).await;
        let wire = Wire::to(permissions.endpoints.permissions.expect("permissions")).await;
        let chat = node(&signing_key, wire.address, for_chat).await;
        std::fs::copy(&signing, chat.data_dir().join("signing-key.pem")).expect("a key for the callers");
        Self { permissions, chat, wire, signing_key, _keys: keys }
    }

    /// Another node of the chat service, which finds the permissions service at this address.
    pub async fn another_node(&self, permissions: SocketAddr) -> Running {
        node(&self.signing_key, permissions, &[]).await
    }

    /// Ends the permissions service, as an operator does.
    pub async fn stop_permissions(&mut self) {
        assert!(self.permissions.terminate().await.success());
    }

    /// Starts it again.
    pub async fn start_permissions(&mut self) {
        self.permissions.restart().await;
    }

    pub async fn callers(&self) -> Pair {
        let config = crewline::config::Config::read(None, Some(self.chat.data_dir())).expect("the defaults");
        let mut endpoints = self.chat.endpoints;
        endpoints.permissions = self.permissions.endpoints.permissions;
        Pair::new(&config, endpoints).await.expect("a signing key")
    }
}

async fn node(signing_key: &str, permissions: SocketAddr, environment: &[(&str, &str)]) -> Running {
    let url = format!("http://{permissions}");
    let own = [("CREWLINE_IDENTITY__SIGNING_KEY_FILE", signing_key), ("CREWLINE_CHAT__PERMISSIONS_URL", &url)];
    Running::start("chat", &[&own, environment].concat()).await
}
