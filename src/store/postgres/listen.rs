//! The one connection that a process keeps for itself: it says that the process lives, hears that another one brought work, and
//! tells the others of its own. Polling suffices without it; it comes back by itself when it is lost.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::error::StoreError;
use crate::store::postgres::values::{not_connected, sql, trouble};
use crate::store::sealing::values::Stored;
use crate::store::trouble::Trouble;

/// Pause before a lost connection is made again.
const PAUSE: Duration = Duration::from_secs(1);
/// No more than one word to the others in this time.
const TELL: Duration = Duration::from_millis(20);

/// The connection; dropping it ends it.
pub struct Watch {
    task: JoinHandle<()>,
    signals: Arc<Signals>,
}

#[derive(Default)]
struct Signals {
    woken: Notify,
    told: Notify,
}

impl Watch {
    /// Connects and returns when the process is known to live.
    pub async fn start(config: Config, tls: MakeRustlsConnect, lauf: i64) -> Stored<Watch> {
        let signals: Arc<Signals> = Arc::default();
        let (ready, first) = oneshot::channel();
        let task = tokio::spawn(keep(config, tls, lauf, signals.clone(), ready));
        let watch = Watch { task, signals };
        first.await.map_err(|_| StoreError::Later(Trouble::Unreachable.into()))??;
        Ok(watch)
    }

    /// Tells other processes that there is work.
    pub fn tell(&self) {
        self.signals.told.notify_one();
    }

    /// Returns when another process brought work.
    pub async fn woken(&self) {
        self.signals.woken.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(
    config: Config,
    tls: MakeRustlsConnect,
    lauf: i64,
    signals: Arc<Signals>,
    ready: oneshot::Sender<Stored<()>>,
) {
    let mut ready = Some(ready);
    loop {
        let ended = attend(&config, tls.clone(), lauf, &signals, &mut ready).await;
        if let (Some(ready), Err(error)) = (ready.take(), ended) {
            // Nobody listens where the opening was given up.
            let _ = ready.send(Err(error));
            return;
        }
        tokio::time::sleep(PAUSE).await;
        // What came meanwhile was not heard.
        signals.woken.notify_one();
    }
}

async fn attend(
    config: &Config,
    tls: MakeRustlsConnect,
    lauf: i64,
    signals: &Signals,
    ready: &mut Option<oneshot::Sender<Stored<()>>>,
) -> Stored<()> {
    let (client, mut connection) = config.connect(tls).await.map_err(not_connected)?;
    let own = std::sync::atomic::AtomicI32::new(0);
    let mut messages = futures_util::stream::poll_fn(|context| connection.poll_message(context));
    let hearing = async {
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(said)) => {
                    if said.process_id() != own.load(std::sync::atomic::Ordering::Relaxed) {
                        signals.woken.notify_one();
                    }
                }
                Ok(_) => {}
                Err(error) => return Err(trouble(error)),
            }
        }
        Ok(())
    };
    let saying = async {
        // A word to the others is no data: nobody waits until it is on disk, and polling finds what a crash leaves unsaid.
        client.batch_execute("SET synchronous_commit = off; LISTEN drehscheibe").await.map_err(trouble)?;
        let held = client.query_one(sql!("lauf_hold"), &[&lauf]).await.map_err(trouble)?;
        own.store(held.try_get(0).unwrap_or_default(), std::sync::atomic::Ordering::Relaxed);
        if let Some(ready) = ready.take() {
            // Nobody listens where the opening was given up.
            let _ = ready.send(Ok(()));
        }
        loop {
            signals.told.notified().await;
            client.batch_execute("NOTIFY drehscheibe").await.map_err(trouble)?;
            tokio::time::sleep(TELL).await;
        }
    };
    tokio::select! {
        ended = hearing => ended,
        ended = saying => ended,
    }
}
