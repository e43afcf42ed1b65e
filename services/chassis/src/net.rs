//! The sockets that a service listens on and connects through: those of the system, or of a simulated network.

#[cfg(not(feature = "simulation"))]
pub use self::system::{TcpListener, accept, connect};
#[cfg(feature = "simulation")]
pub use crate::simulation::net::{TcpListener, accept, connect};

#[cfg(not(feature = "simulation"))]
mod system {
    use std::io;
    use std::net::SocketAddr;

    pub use tokio::net::TcpListener;
    use tokio::net::TcpStream;
    use tonic::transport::{Channel, Endpoint, Error};

    /// A peer that takes in nothing for so long is gone. HTTP/2's own keepalive ends a connection only when it can still say goodbye on it.
    #[cfg(target_os = "linux")]
    const TAKES_NOTHING_MILLIS: u32 = 30_000;

    /// The next connection that comes in.
    pub async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, address) = listener.accept().await?;
        // Without this, small answers wait for a delayed ACK. What cannot be set on a socket that is closed already does not matter.
        let _closed_already = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _closed_already = rustix::net::sockopt::set_tcp_user_timeout(&stream, TAKES_NOTHING_MILLIS);
        Ok((stream, address))
    }

    /// Connects.
    pub async fn connect(endpoint: &Endpoint) -> Result<Channel, Error> {
        endpoint.connect().await
    }
}
