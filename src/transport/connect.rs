//! A plain TLS connection to another machine, for what is not HTTP. Its end is noticed in time: a far
//! end that acknowledges nothing is given up, rather than after the quarter of an hour TCP takes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::failure::of_request;
use crate::model::Failure;

/// A connection to a server.
pub type TlsConnection = tokio_rustls::client::TlsStream<TcpStream>;

/// Whom to connect to, and for how long to try.
#[derive(Debug, Clone)]
pub struct TlsTo<'a> {
    /// Host name or address; also what its certificate must name.
    pub host: &'a str,
    /// Port.
    pub port: u16,
    /// As [`super::client_config_of`] makes it.
    pub config: Arc<ClientConfig>,
    /// Time for connection and handshake together.
    pub timeout: Duration,
    /// The connection ends when the far end acknowledges nothing for so long.
    pub unacknowledged_max: Duration,
}

/// Connects.
///
/// # Errors
/// Why not, in words an operator can act on.
pub async fn connect_tls(to: TlsTo<'_>) -> Result<TlsConnection, Failure> {
    tokio::time::timeout(to.timeout, connect(&to))
        .await
        .map_err(|_| Failure::TimedOut)?
        .map_err(|error| of_request(&error))
}

async fn connect(to: &TlsTo<'_>) -> io::Result<TlsConnection> {
    let name = ServerName::try_from(to.host.to_owned()).map_err(io::Error::other)?;
    let socket = TcpStream::connect((to.host, to.port)).await?;
    socket.set_nodelay(true)?;
    let options = SockRef::from(&socket);
    let idle = to.unacknowledged_max.max(Duration::from_secs(1));
    options.set_tcp_keepalive(&TcpKeepalive::new().with_time(idle).with_interval(idle))?;
    options.set_tcp_user_timeout(Some(idle))?;
    // What lies here has not been taken by anybody.
    options.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    tokio_rustls::TlsConnector::from(Arc::clone(&to.config)).connect(name, socket).await
}

/// What went wrong on a connection that was made.
pub fn words_of(error: &io::Error) -> String {
    of_request(error).to_string()
}

const SEND_BUFFER_BYTES: usize = 256 << 10;
