//! The accept loop: what axum's own lacks is a time-out for heads, a cap on connections and a stop that waits.

mod loops;
mod strict;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{self, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use axum::http::header::{self, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tower_service::Service;

use loops::Loops;
use strict::Strict;

use super::app::App;
use super::call::Peer;

/// How long the head of a request, or a TLS handshake, may take to arrive.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long requests under way may take once the server was told to stop.
const DRAIN_TIME: Duration = Duration::from_secs(30);

/// How long to wait after the system could not give one more connection.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest head, in bytes.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// The most headers of a request.
const MAX_HEADERS: usize = 64;

/// The certificate and key that are presented, replaced while the server runs.
#[derive(Clone, Debug)]
pub struct Tls(Arc<RwLock<Arc<ServerConfig>>>);

impl Tls {
    /// Starts with a configuration.
    pub fn new(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(RwLock::new(config)))
    }

    /// Takes over another configuration; connections that stand keep the old one.
    pub fn reload(&self, other: &Self) {
        let config = other.config();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.config())
    }
}

/// Serves until `stop` resolves, then lets requests under way end. At most `connections` are open at once; further ones
/// wait in the system's queue.
///
/// # Errors
/// What the system says when it gives no threads.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<Tls>,
    connections: usize,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let loops = Loops::start()?;
    let router = super::router(Arc::clone(&app));
    let permits = Arc::new(Semaphore::new(connections));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer, permit) = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => match accepted {
                Some(accepted) => accepted,
                None => continue,
            },
        };
        let (app, router, tls) = (Arc::clone(&app), router.clone(), tls.clone());
        let watcher = graceful.watcher();
        loops.serve(async move {
            let _permit = permit;
            let _counted = Counted::new(&app);
            // From here on it is its loop that waits for the socket.
            match TcpStream::from_std(stream) {
                Ok(stream) => greet(stream, tls, peer, &app, router, watcher).await,
                Err(error) => tracing::warn!(%peer, %error, "a connection could not be taken over"),
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!(seconds = DRAIN_TIME.as_secs(), "requests under way were broken off");
    }
    Ok(())
}

/// A connection, counted as long as it is served.
struct Counted(Arc<App>);

impl Counted {
    fn new(app: &Arc<App>) -> Self {
        app.metrics.connections.inc();
        Self(Arc::clone(app))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(net::TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    let accepted = listener.accept().await.and_then(|(stream, peer)| Ok((stream.into_std()?, peer)));
    match accepted {
        Ok((stream, peer)) => {
            // Answers are written whole; waiting to fill a packet only delays them.
            let _ = stream.set_nodelay(true);
            Some((stream, peer, permit))
        }
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

/// Speaks TLS first where that is asked for.
async fn greet(
    stream: TcpStream,
    tls: Option<Tls>,
    peer: SocketAddr,
    app: &App,
    router: axum::Router,
    watcher: Watcher,
) {
    let Some(tls) = tls else { return connection(stream, peer, app, router, watcher).await };
    match tokio::time::timeout(HEAD_TIME, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, peer, app, router, watcher).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake broke off"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    peer: SocketAddr,
    app: &App,
    router: axum::Router,
    watcher: Watcher,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer.ip()));
        // Behind a body in chunks no further request is looked for.
        let is_last = request.headers().contains_key(header::TRANSFER_ENCODING);
        async move {
            let mut response = router.call(request).await?;
            if is_last {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_headers(MAX_HEADERS)
        .max_header_size(MAX_HEAD_BYTES);
    let connection = server.serve_connection(TokioIo::new(Strict::new(stream)), service);
    match watcher.watch(connection).await {
        // No route was asked, so nothing else has counted it.
        Err(error) if error.is_parse() => {
            let status = if error.is_parse_too_large() { 431 } else { 400 };
            app.metrics.unreadable(status);
            tracing::info!(peer = %peer.ip(), status, %error, "a request could not be read");
        }
        Err(error) => tracing::debug!(%peer, %error, "a connection broke off"),
        Ok(()) => {}
    }
}
