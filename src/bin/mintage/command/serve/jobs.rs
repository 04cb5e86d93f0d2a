//! What a server does by itself, in time.

use std::sync::Arc;
use std::time::Duration;

use mintage::http::App;

/// How often the clock is looked at; a machine that slept is late by no more than this.
const EVERY: Duration = Duration::from_secs(5);

/// Does what is due, for as long as the server runs.
pub(super) async fn run(app: Arc<App>) {
    loop {
        let app = Arc::clone(&app);
        if let Err(error) = tokio::task::spawn_blocking(move || app.tick()).await {
            tracing::error!(%error, "a job failed inside");
        }
        tokio::time::sleep(EVERY).await;
    }
}
