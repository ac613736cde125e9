//! How many octets of deliveries one link to a broker may hold: permitted before they are fetched, given back when a delivery is
//! done. Never lets what one queue holds stop the others for long: who holds most gives back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::types::ChannelId;
use tokio::sync::Notify;

use super::flow::Flow;
use crate::transport::port::Stop;

/// Octets of deliveries that one link holds at most, besides one larger than that, which comes alone.
pub const HELD: u64 = 32 << 20;
/// A house that takes nothing for so long keeps one queue's deliveries no longer from giving way to the others.
const STUCK: Duration = Duration::from_secs(10);

/// The octets of one link.
pub struct Gate {
    most: u64,
    stuck: Duration,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    held: u64,
    /// Counted with each consumer, because numbers of channels are used again.
    next: u64,
    consumers: HashMap<ChannelId, Consumer>,
}

struct Consumer {
    number: u64,
    held: u64,
    /// How many the broker has sent to it, and how many of them it has read.
    handed: u64,
    read: u64,
    flow: Arc<Flow>,
    give_back: Stop,
}

impl Gate {
    /// An empty one.
    pub fn new() -> Arc<Gate> {
        Gate::within(HELD, STUCK)
    }

    fn within(most: u64, stuck: Duration) -> Arc<Gate> {
        Arc::new(Gate { most, stuck, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A consumer on a channel, before it is told to the broker; what comes for it counts in the flow of its queue. `give_back` is cancelled when
    /// it must give way.
    pub fn consumer(self: &Arc<Gate>, channel: ChannelId, flow: Arc<Flow>, give_back: Stop) -> Holder {
        let mut state = self.state();
        state.next += 1;
        let number = state.next;
        state.consumers.insert(channel, Consumer { number, held: 0, handed: 0, read: 0, flow, give_back });
        Holder { gate: self.clone(), channel, number }
    }

    /// The broker has sent a delivery on a channel. It is in this house's hands from now on, whenever it may be fetched.
    pub fn handed_over(&self, channel: ChannelId) {
        if let Some(consumer) = self.state().consumers.get_mut(&channel) {
            consumer.handed += 1;
            consumer.flow.hand_over();
        }
    }

    /// Returns when a delivery of so many octets may be fetched on a channel; at once where nobody consumes there any more.
    pub async fn enter(&self, channel: ChannelId, octets: u64) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Heard from now on, so that no change between the look and the wait is missed.
            changed.as_mut().enable();
            if self.entered(channel, octets) {
                return;
            }
            if tokio::time::timeout(self.stuck, changed).await.is_err() {
                self.make_way();
            }
        }
    }

    fn entered(&self, channel: ChannelId, octets: u64) -> bool {
        let mut state = self.state();
        let free = state.held == 0 || state.held.saturating_add(octets) <= self.most;
        let Some(consumer) = state.consumers.get_mut(&channel) else { return true };
        if free {
            consumer.held += octets;
            state.held += octets;
        }
        free
    }

    fn make_way(&self) {
        let state = self.state();
        if let Some(most) = state.consumers.values().max_by_key(|consumer| consumer.held) {
            most.give_back.cancel();
        }
    }

    fn release(&self, channel: ChannelId, number: u64, octets: Option<u64>) {
        let mut state = self.state();
        let Some(consumer) = state.consumers.get_mut(&channel).filter(|known| known.number == number) else {
            return;
        };
        let freed = octets.unwrap_or(consumer.held).min(consumer.held);
        consumer.held -= freed;
        state.held = state.held.saturating_sub(freed);
        if octets.is_none()
            && let Some(over) = state.consumers.remove(&channel)
            && over.handed > 0
        {
            over.flow.give_back(over.handed.saturating_sub(over.read));
        }
        drop(state);
        self.changed.notify_waiters();
    }

    #[cfg(test)]
    fn held(&self) -> u64 {
        self.state().held
    }
}

/// What one consumer holds; with it goes everything that it had.
pub struct Holder {
    gate: Arc<Gate>,
    channel: ChannelId,
    number: u64,
}

impl Holder {
    /// The permit of a delivery that was entered and is read now; given back when it is dropped.
    pub fn permit(&self, octets: u64) -> Permit {
        if let Some(consumer) = self.gate.state().consumers.get_mut(&self.channel) {
            consumer.read += 1;
        }
        Permit { gate: self.gate.clone(), channel: self.channel, number: self.number, octets }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.gate.release(self.channel, self.number, None);
    }
}

/// The octets of one delivery.
pub struct Permit {
    gate: Arc<Gate>,
    channel: ChannelId,
    number: u64,
    octets: u64,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.release(self.channel, self.number, Some(self.octets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_held_stays_below_its_bound_and_a_larger_one_comes_alone() {
        let gate = Gate::within(100, Duration::from_secs(60));
        let holder = gate.consumer(1, Arc::default(), Stop::new());
        gate.enter(1, 60).await;
        let first = holder.permit(60);
        assert!(tokio::time::timeout(Duration::from_millis(20), gate.enter(1, 50)).await.is_err());
        gate.enter(1, 40).await;
        let second = holder.permit(40);
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(1, 500).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "it comes alone");
        drop(second);
        waiting.await.unwrap();
        assert_eq!(gate.held(), 500);
        drop(holder);
        assert_eq!(gate.held(), 0);
        // Of nobody: whatever comes for a channel that is closed is not waited for.
        gate.enter(1, 500).await;
        assert_eq!(gate.held(), 0);
    }

    #[tokio::test]
    async fn what_waits_before_the_gate_is_counted_and_goes_back_with_its_consumer() {
        let gate = Gate::within(100, Duration::from_secs(60));
        let flow = Arc::new(Flow::default());
        let holder = gate.consumer(1, flow.clone(), Stop::new());
        gate.handed_over(1);
        gate.enter(1, 90).await;
        let (hand, permit) = (flow.begin(), holder.permit(90));
        gate.handed_over(1);
        assert!(tokio::time::timeout(Duration::from_millis(20), gate.enter(1, 50)).await.is_err());
        assert_eq!(flow.here(), 2, "one in hand, one that waits to be fetched");
        // Of nobody.
        gate.handed_over(2);
        assert_eq!(flow.here(), 2);
        let before = flow.mark();
        drop((hand, permit, holder));
        assert_eq!(flow.here(), 0);
        assert!(flow.mark().gave_back_since(before));
        // One that was handed nothing has nothing to give back.
        let before = flow.mark();
        drop(gate.consumer(1, flow.clone(), Stop::new()));
        assert!(!flow.mark().gave_back_since(before));
    }

    #[tokio::test]
    async fn who_holds_most_gives_way_and_late_permits_of_it_take_nothing_from_its_successor() {
        let gate = Gate::within(100, Duration::from_millis(20));
        let (large, small) = (Stop::new(), Stop::new());
        let holds_most = gate.consumer(1, Arc::default(), large.clone());
        let _holds_little = gate.consumer(2, Arc::default(), small.clone());
        gate.enter(1, 90).await;
        gate.enter(2, 10).await;
        let late = holds_most.permit(90);
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter(2, 10).await }
        });
        large.cancelled().await;
        assert!(!small.is_cancelled());
        drop(holds_most);
        waiting.await.unwrap();
        let _again = gate.consumer(1, Arc::default(), Stop::new());
        gate.enter(1, 30).await;
        drop(late);
        assert_eq!(gate.held(), 50);
    }
}
