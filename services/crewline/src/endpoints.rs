//! Where a running process listens: written to `endpoints.json` in its data directory, so that others on the machine find it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

const FILE: &str = "endpoints.json";

/// The addresses of the services that a process runs.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Endpoints {
    /// The permissions service.
    pub permissions: Option<SocketAddr>,
    /// The chat service.
    pub chat: Option<SocketAddr>,
}

impl Endpoints {
    /// Writes them, whole or not at all.
    pub fn write(&self, data_dir: &Path) -> io::Result<()> {
        let partial = data_dir.join("endpoints.partial");
        std::fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(partial, data_dir.join(FILE))
    }

    /// Reads those of the process that uses `data_dir`, if there are any.
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(data_dir.join(FILE)).ok()?).ok()
    }

    /// Removes them: the process has ended.
    pub fn remove(data_dir: &Path) {
        // A file that is left behind is noticed by who tries to connect.
        let _left_behind = std::fs::remove_file(data_dir.join(FILE));
    }
}
