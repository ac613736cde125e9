//! The Nachweiskette: every change leaves canonical octets, their salted hash, and a link to the one before in its strand.
//! Never holds personal data.

use deadpool_postgres::GenericClient;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::seal::key::random;
use crate::store::postgres::ask::{one, run};
use crate::store::postgres::base::Numbers;
use crate::store::postgres::pool::together;
use crate::store::postgres::values::{get, race, sql};
use crate::store::sealing::content::to_json;
use crate::store::sealing::house::{hash, link};
use crate::store::sealing::values::{Stored, micros, sealing};

/// How many strands there are; as many transactions write at once.
const STRANDS: u8 = 16;

/// The changes of one transaction, written towards its end, so that a strand is held for a moment only.
#[derive(Debug, Default)]
pub struct Trail {
    at: Vec<i64>,
    stamp: Vec<i64>,
    traceparent: Vec<String>,
    subject: Vec<Option<Uuid>>,
    what: Vec<String>,
    detail: Vec<Vec<u8>>,
}

impl Trail {
    /// Takes a change: when, the row's stamp and trace context, the message or outbox row, what happened, facts without
    /// personal data.
    pub fn push(
        &mut self,
        at: Timestamp,
        (stamp, traceparent): (i64, &str),
        subject: Option<Uuid>,
        what: &str,
        detail: &impl Serialize,
    ) -> Stored<()> {
        self.detail.push(to_json(detail)?);
        self.at.push(micros(at));
        self.stamp.push(stamp);
        self.traceparent.push(traceparent.to_owned());
        self.subject.push(subject);
        self.what.push(what.to_owned());
        Ok(())
    }

    /// Writes the changes and their links, as rows of a month.
    pub async fn write(self, on: &impl GenericClient, month: i64) -> Stored<()> {
        if self.at.is_empty() {
            return Ok(());
        }
        let (mut numbers, free) = together!(
            numbers = Numbers::draw(on, month, self.at.len()),
            free = one(on, sql!("strang_free"), &[]),
        )?;
        let strand = match free {
            Some(strand) => Some(strand),
            None => {
                let [lot] = random::<1>().map_err(sealing)?;
                one(on, sql!("strang_any"), &[&i64::from(lot % STRANDS + 1)]).await?
            }
        };
        let strand = strand.ok_or_else(race)?;
        let (strang, mut glied): (i64, i64) = (get(&strand, 0)?, get(&strand, 1)?);
        let mut chain: Vec<u8> = get(&strand, 2)?;
        let (mut nr, mut salts, mut places, mut hashes, mut links) = (vec![], vec![], vec![], vec![], vec![]);
        for (at, ((subject, what), detail)) in
            self.at.iter().zip(self.subject.iter().zip(&self.what).zip(&self.detail))
        {
            let salt: [u8; 16] = random().map_err(sealing)?;
            glied += 1;
            let hash = hash(&salt, [glied, *at], *subject, what, detail);
            chain = link(&chain, &hash);
            nr.push(numbers.passing()?);
            salts.push(salt.to_vec());
            places.push(glied);
            hashes.push(hash);
            links.push(chain.clone());
        }
        let Trail { at, stamp, traceparent, subject, what, detail } = &self;
        let changes: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&nr, at, stamp, traceparent, subject, what, detail, &salts, &strang, &places, &hashes, &links];
        let last: &[&(dyn tokio_postgres::types::ToSql + Sync)] = &[&strang, &glied, &chain];
        together!(added = run(on, sql!("audit_add"), changes), set = run(on, sql!("strang_set"), last))?;
        Ok(())
    }
}
