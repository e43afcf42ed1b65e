//! The simulated network's sockets.

use std::io;
use std::net::SocketAddr;

use http::Uri;
use hyper_util::rt::TokioIo;
use tonic::transport::{Channel, Endpoint, Error};
use tower::service_fn;
use turmoil::net::TcpStream;

pub use turmoil::net::TcpListener;

/// The next connection that comes in.
pub async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    listener.accept().await
}

/// Connects.
pub async fn connect(endpoint: &Endpoint) -> Result<Channel, Error> {
    endpoint.connect_with_connector(service_fn(dial)).await
}

/// Opens a connection to the host that the URL names.
pub async fn dial(url: Uri) -> io::Result<TokioIo<TcpStream>> {
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().unwrap_or_default();
    Ok(TokioIo::new(TcpStream::connect((host, port)).await?))
}
