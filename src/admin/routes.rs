//! `/metrics` for Prometheus, `/healthz` (can the process do its work) and `/readyz` (should it be
//! sent requests). Reads only; nothing about a patient is known here.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::telemetry::{Health, Metrics};
use crate::transport::Unambiguous;

/// Serves until `shutdown`. Its few connections are its own, so that it answers under load.
pub async fn serve(
    socket: TcpListener,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    shutdown: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (metrics, health, shutdown) = (Arc::clone(&metrics), Arc::clone(&health), shutdown.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = answer(&request, &metrics, &health);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(Unambiguous::http1(stream, HEAD_BYTES_MAX)), service);
            tokio::select! {
                _ = connection => {}
                () = shutdown.cancelled() => {}
            }
            drop(place);
        });
    }
}

/// Answers one request; the body of the request is not read.
pub(super) fn answer<B>(request: &Request<B>, metrics: &Metrics, health: &Health) -> Response<Full<Bytes>> {
    let path = request.uri().path();
    if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
        return plain(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n".into());
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused =
            plain(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "GET or HEAD\n".into());
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/metrics" => plain(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics.encode()),
        "/healthz" => components(health.work()),
        _ => components(health.ready()),
    }
}

fn components<C: Serialize>((ok, components): (bool, C)) -> Response<Full<Bytes>> {
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let word = if ok { "ok" } else { "failed" };
    let body = serde_json::json!({ "status": word, "components": components });
    plain(status, "application/json", format!("{body}\n"))
}

fn plain(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const CONNECTIONS_MAX: usize = 32;
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::telemetry::{Needed, Status};

    async fn get(method: &str, path: &str, health: &Health) -> (u16, String) {
        let metrics = Metrics::new().unwrap();
        let request = Request::builder().method(method).uri(path).body(()).unwrap();
        let answer = answer(&request, &metrics, health);
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_failed_component_shows_with_its_reason_under_503() {
        let health = Health::new(Metrics::new().unwrap());
        health.set("audit", Needed::Work, Status::Ok);
        assert_eq!(get("GET", "/healthz", &health).await.0, 200);
        health.set("audit", Needed::Work, Status::Failed("disk full".into()));
        let (status, body) = get("GET", "/healthz", &health).await;
        assert_eq!(status, 503);
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["components"]["audit"]["why"], "disk full");
    }

    #[tokio::test]
    async fn other_paths_are_404_and_other_methods_405() {
        let health = Health::new(Metrics::new().unwrap());
        assert_eq!(get("GET", "/", &health).await.0, 404);
        assert_eq!(get("POST", "/metrics", &health).await.0, 405);
        assert!(get("GET", "/metrics", &health).await.1.contains("kakehashi_build_info"));
        assert_eq!(get("GET", "/readyz", &health).await.0, 503);
    }
}
