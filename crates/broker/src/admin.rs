//! The admin listener: `/metrics`, `/health/live`, `/health/ready` over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::metrics;
use crate::node::Node;

/// Serves until the node stops.
pub(crate) async fn serve(socket: TcpListener, node: Arc<Node>, mut stop: watch::Receiver<bool>) {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .with_state(node);
    let stopped = async move {
        let _ = stop.changed().await;
    };
    if let Err(error) = axum::serve(socket, routes).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the admin listener ended");
    }
}

async fn metrics(State(node): State<Arc<Node>>) -> impl IntoResponse {
    match metrics::text(node.metrics(), &node) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn ready(State(node): State<Arc<Node>>) -> impl IntoResponse {
    if node.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    }
}
