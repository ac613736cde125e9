//! A way to a neighbour that a test can cut, slow down, close by half, break off in an answer, reset or let die in silence.
//! Knows no protocol; counts nothing.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the way does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Everything goes through.
    Open,
    /// Connections end, new ones are accepted and ended.
    Cut,
    /// Everything waits so long, and goes through in small pieces.
    Slow(Duration),
    /// The neighbour's side is closed towards the program, whose words still go through.
    HalfClosed,
    /// Of the next answer a half goes through, then the connection ends.
    Truncated,
    /// Connections end with a reset; new ones, too.
    Reset,
    /// Connections that are there now stay and are mute for ever; new ones go through.
    Dead,
}

/// All ways that are no way.
pub const FAULTS: &[Way] =
    &[Way::Cut, Way::Slow(Duration::from_millis(120)), Way::HalfClosed, Way::Truncated, Way::Reset];

/// The proxy; it ends with the runtime of the test.
pub struct Proxy {
    /// Where it listens on this machine.
    pub port: u16,
    way: watch::Sender<Way>,
}

impl Proxy {
    /// A way to a port of this machine.
    pub async fn to(port: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (way, seen) = watch::channel(Way::Open);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move {
                    let _ = carry(near, port, seen).await;
                });
            }
        });
        Proxy { port: own, way }
    }

    /// Makes the way another one, for what is connected and what connects.
    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }
}

/// Carries one connection until it ends.
async fn carry(mut near: TcpStream, port: u16, mut way: watch::Receiver<Way>) -> std::io::Result<()> {
    let born = *way.borrow_and_update();
    if matches!(born, Way::Cut | Way::Reset) {
        return end(&near, born);
    }
    let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (mut asked, mut answered) = (vec![0u8; 16 * 1024], vec![0u8; 16 * 1024]);
    let mut closed = born == Way::HalfClosed;
    if closed {
        near.shutdown().await?;
    }
    loop {
        tokio::select! {
            changed = way.changed() => {
                changed.map_err(std::io::Error::other)?;
                let now = *way.borrow_and_update();
                match now {
                    now @ (Way::Cut | Way::Reset) => {
                        end(&far, now)?;
                        return end(&near, now);
                    }
                    Way::HalfClosed if !closed => {
                        near.shutdown().await?;
                        closed = true;
                    }
                    Way::Dead => {
                        // Both ends see a connection that stands and says nothing; what is written is taken.
                        let mut lost = vec![0u8; 16 * 1024];
                        while near.read(&mut lost).await? > 0 {}
                        return Ok(());
                    }
                    _ => {}
                }
            }
            read = near.read(&mut asked) => {
                let read = read?;
                if read == 0 {
                    return far.shutdown().await;
                }
                let now = *way.borrow();
                forward(&mut far, &asked[..read], now).await?;
            }
            read = far.read(&mut answered) => {
                let read = read?;
                if read == 0 {
                    return near.shutdown().await;
                }
                let now = *way.borrow();
                match now {
                    Way::HalfClosed => {}
                    Way::Truncated => {
                        near.write_all(&answered[..read / 2]).await?;
                        return near.shutdown().await;
                    }
                    now => forward(&mut near, &answered[..read], now).await?,
                }
            }
        }
    }
}

async fn forward(to: &mut TcpStream, octets: &[u8], way: Way) -> std::io::Result<()> {
    let Way::Slow(latency) = way else { return to.write_all(octets).await };
    tokio::time::sleep(latency).await;
    for piece in octets.chunks(1024) {
        to.write_all(piece).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

fn end(stream: &TcpStream, way: Way) -> std::io::Result<()> {
    if way == Way::Reset { stream.set_zero_linger() } else { Ok(()) }
}
