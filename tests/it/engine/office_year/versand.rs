//! How what the office and the operators write gets to the house, and what the office learns of it there.

use std::time::Duration;

use drehscheibe::envelope::{Envelope, Inbound, Verdict};
use drehscheibe::register::objection::Why;
use drehscheibe::store::orders::{Command, CommandState, Order};
use serde_json::json;
use uuid::Uuid;

use super::jahr::{Jahr, Note};
use super::lieferung::Packet;
use crate::engine::house::AMT;

impl Jahr {
    pub async fn command(&mut self, what: &str, kind: &str, name: &str) {
        let id = Uuid::now_v7();
        let command = Command {
            id,
            order: Order::read(what, &json!({ "kind": kind, "name": name, "until": null }).to_string()),
            person: "os:rita".to_owned(),
            reason: "Wartung".to_owned(),
            at: self.now(),
        };
        self.house.store.post_command(command).await.unwrap();
        for _ in 0..6_000 {
            match self.house.store.command_state(id).await.unwrap() {
                Some(CommandState::Done(_)) => return,
                Some(CommandState::Refused(why)) => panic!("{what} {kind} {name}: {why}"),
                _ => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        panic!("nobody took the command");
    }

    /// Whether the office's deliveries are not taken now.
    pub fn shut(&self) -> bool {
        self.house.engine.as_ref().is_none_or(|engine| {
            engine.core.paused("route", "registerlieferung") || engine.core.paused("partner", AMT)
        })
    }

    pub async fn send(&mut self, packet: Packet) {
        let letter = &packet.letter;
        self.children[letter.child].told = true;
        if letter.made >= self.last_made {
            (self.last, self.last_made) = (letter.wer.uuid, letter.made);
        }
        if self.shut() || !self.queue.is_empty() {
            self.queue.push_back(packet);
        } else {
            self.post(packet).await;
        }
    }

    pub async fn post(&mut self, packet: Packet) {
        let name = format!("d-{}", self.house.fresh());
        let envelope: Envelope = self.house.envelope(packet.binding, AMT, &name, packet.body.clone(), None);
        let verdict = self.house.deliver(envelope).await;
        self.settled(packet, &verdict).await;
    }

    /// What the office learns of its delivery.
    pub async fn settled(&mut self, packet: Packet, verdict: &Verdict) {
        let (now, letter) = (self.now(), packet.letter);
        let nth = letter.child;
        let child = &mut self.children[nth];
        child.told = true;
        if child.word.as_ref().is_none_or(|(before, _)| *before <= letter.made) {
            child.word = Some((letter.made, letter.neu.as_ref().map(|satz| satz.arten.clone())));
        }
        self.sent.insert(verdict.id, letter.clone());
        if verdict.state == Inbound::Accepted {
            child.stored.clone_from(&letter.neu);
            self.recent.push_back(nth);
            if self.recent.len() > 200 {
                self.recent.pop_front();
            }
            return self.overtaker(nth).await;
        }
        self.learn(verdict);
        *self.figures.states.entry(verdict.state.as_str()).or_default() += 1;
        self.children[nth].open += 1;
        let note = Note { child: nth, opened: now, first: None, steps: 0, early: letter.early, over: None };
        self.notes.insert(verdict.id, note);
        if !letter.early {
            self.look_soon();
        }
        let listed = self.listed().await;
        let here = listed.iter().find(|one| one.id == verdict.id);
        let Some(here) = here else { panic!("{:?} of {:?} is not listed", verdict.codes, verdict.state) };
        *self.figures.whys.entry(here.why.as_str()).or_default() += 1;
        if here.why == Why::Unreadable {
            self.figures.unreadable += 1;
        }
    }

    /// A Korrektur that waited for this Registersatz is taken now.
    async fn overtaker(&mut self, nth: usize) {
        let waits = |(id, note): (&Uuid, &Note)| {
            (note.child == nth && note.early && note.over.is_none()).then_some(*id)
        };
        let Some(id) = self.notes.iter().find_map(waits) else { return };
        let filter = || drehscheibe::store::desk::Filter { id: Some(id), limit: 1, ..Default::default() };
        let scope = drehscheibe::store::stamp::Scope::Operator;
        for _ in 0..12_000 {
            let listed = self.house.store.list(&scope, filter()).await.unwrap().remove(0);
            if listed.state == Inbound::Accepted {
                self.children[nth].stored.clone_from(&self.sent[&id].neu.clone());
                return self.noticed().await;
            }
            if listed.state == Inbound::Rejected {
                // By a clock that is ahead only receipts tell the order, so it came too early. The office has the rejection, and a
                // step to take.
                let shown = self.listed().await.iter().any(|one| one.id == id);
                assert!(shown, "a Korrektur that was refused stands against answers");
                self.figures.overtaken += 1;
                self.sent.get_mut(&id).unwrap().early = false;
                self.notes.get_mut(&id).unwrap().early = false;
                return self.look_soon();
            }
            assert_eq!(listed.state, Inbound::Waiting);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("what waited was not taken");
    }
}
