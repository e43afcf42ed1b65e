//! The simulated network's sockets, as tonic takes them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tonic::codegen::tokio_stream::Stream;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tonic::transport::{Channel, Endpoint, Error};
use tower::service_fn;
use turmoil::net::TcpStream;

pub use turmoil::net::TcpListener;

/// A connection that tells tonic where it comes from.
pub struct Incoming(TcpStream);

/// The connections that come in.
pub fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<Incoming>> {
    async_stream::try_stream! {
        loop {
            yield Incoming(listener.accept().await?.0);
        }
    }
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

impl Connected for Incoming {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        TcpConnectInfo { local_addr: self.0.local_addr().ok(), remote_addr: self.0.peer_addr().ok() }
    }
}

impl AsyncRead for Incoming {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Incoming {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
