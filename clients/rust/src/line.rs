//! The line of a connection: the system's network, or a simulated one.

use tonic::transport::{Channel, Endpoint};

/// A connection that is opened when it is first used.
#[cfg(not(feature = "simulation"))]
pub(crate) fn connect_lazily(endpoint: &Endpoint) -> Channel {
    endpoint.connect_lazy()
}

/// The same over the simulated network.
#[cfg(feature = "simulation")]
pub(crate) fn connect_lazily(endpoint: &Endpoint) -> Channel {
    endpoint.connect_with_connector_lazy(tower::service_fn(async |url: http::Uri| {
        let address = (url.host().unwrap_or_default(), url.port_u16().unwrap_or_default());
        turmoil::net::TcpStream::connect(address).await.map(hyper_util::rt::TokioIo::new)
    }))
}
