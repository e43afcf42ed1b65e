//! The sockets that a service listens on and connects through: those of the system, or of a simulated network.

#[cfg(not(feature = "simulation"))]
pub use self::system::{TcpListener, connect, incoming};
#[cfg(feature = "simulation")]
pub use crate::simulation::net::{TcpListener, connect, incoming};

#[cfg(not(feature = "simulation"))]
mod system {
    pub use tokio::net::TcpListener;
    use tonic::transport::server::TcpIncoming;
    use tonic::transport::{Channel, Endpoint, Error};

    /// The connections that come in.
    pub fn incoming(listener: TcpListener) -> TcpIncoming {
        // tonic sets no option on sockets that it is handed: without this, small answers wait for a delayed ACK.
        TcpIncoming::from(listener).with_nodelay(Some(true))
    }

    /// Connects.
    pub async fn connect(endpoint: &Endpoint) -> Result<Channel, Error> {
        endpoint.connect().await
    }
}
