//! The parts that a collection is read in: runs of records where the server tells their numbers, else ranges of `_id`.

use std::sync::Arc;

use mongodb::bson::{Bson, Document, doc};

use super::client::Connected;
use super::command::{Order, Query};
use super::natural::Natural;
use super::read::documents_of;
use crate::error::Result;

/// `_id`s that the bounds of ranges are found from.
const BOUND_SAMPLE: i32 = 1000;

/// Records near which a bound is looked for, for each part.
const STONES_EACH: usize = 40;

/// The parts of a query, in the order in which their rows come.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub orders: Vec<Order>,
    /// The member of a replica set whose records they are.
    pub member: Option<String>,
}

/// A collection and how to ask it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub connected: &'a Connected,
    pub query: &'a Query,
}

impl Place<'_> {
    /// Up to `count` runs of records; `None` where the server does not number them, or not so that one can go by it.
    pub async fn runs(&self, count: usize) -> Option<Parts> {
        let criteria = self.connected.criteria(self.query);
        let greeting = self.connected.greet(criteria.as_ref()).await.ok()?;
        if !self.query.is_whole() || greeting.is_router {
            return None;
        }
        let (Some(first), Some(last)) = (self.edge(1).await?, self.edge(-1).await?) else {
            return Some(Parts { orders: vec![Order::Natural(Natural::whole())], member: greeting.member });
        };
        if first < 1 || last < first {
            return None;
        }
        let stones: Arc<[i64]> = self.stones(count * STONES_EACH).await?.into();
        let mut bounds = Vec::with_capacity(count);
        for part in 1..count {
            // By number, not by sample: the same records in the same parts each time.
            let share = (i128::from(last) - i128::from(first) + 1) * part as i128 / count as i128;
            let target = first + share as i64 - 1;
            bounds.extend(self.record_at(target, &stones).await?);
        }
        bounds.dedup();
        let from = std::iter::once(None).chain(bounds.iter().copied().map(Some));
        let until = bounds.iter().copied().map(Some).chain(std::iter::once(None));
        let run = |(from, until): (Option<i64>, Option<i64>)| {
            Order::Natural(Natural {
                after: from.map(Bson::Int64),
                until,
                stones: stones.clone(),
                ..Natural::default()
            })
        };
        Some(Parts { orders: from.zip(until).map(run).collect(), member: greeting.member })
    }

    /// The number of the first (1) or last (-1) record, if there is one; `None` where there are no such numbers.
    async fn edge(&self, direction: i32) -> Option<Option<i64>> {
        let command = doc! {
            "find": &self.query.collection, "hint": { "$natural": direction }, "showRecordId": true,
            "projection": { "_id": 1 }, "limit": 1, "singleBatch": true,
        };
        let found = self.records(command).await?;
        Some(found.first().copied())
    }

    /// The records of some documents from all over the collection, ascending.
    async fn stones(&self, count: usize) -> Option<Vec<i64>> {
        let sample = doc! { "$sample": { "size": count as i64 } };
        let ids = self.ids(vec![sample]).await.ok()?;
        let command = doc! {
            "find": &self.query.collection, "filter": { "_id": { "$in": ids } }, "showRecordId": true,
            "projection": { "_id": 1 }, "batchSize": count as i32,
        };
        let mut stones = self.records(command).await?;
        stones.sort_unstable();
        stones.dedup();
        Some(stones)
    }

    /// The last record up to this number, if there is one.
    async fn record_at(&self, target: i64, stones: &[i64]) -> Option<Option<i64>> {
        let stone = stones.iter().rev().find(|stone| **stone <= target).copied();
        if stone == Some(target) {
            return Some(stone);
        }
        let walk = Natural { after: stone.map(Bson::Int64), until: Some(target), shows: true, ..Natural::default() };
        let mut command = doc! { "find": &self.query.collection, "projection": { "_id": 1 } };
        walk.apply(&mut command);
        let found = self.records(command).await?;
        Some(found.into_iter().filter(|record| *record <= target).max().or(stone))
    }

    /// The numbers of the records of a command's documents.
    async fn records(&self, command: Document) -> Option<Vec<i64>> {
        let found = documents_of(self.connected, self.query, command).await.ok()?;
        found
            .iter()
            .map(|document| Document::from_reader(document.as_slice()).ok()?.get_i64("$recordId").ok())
            .collect()
    }

    async fn ids(&self, mut stages: Vec<Document>) -> Result<Vec<Bson>> {
        stages.push(doc! { "$project": { "_id": 1 } });
        let found = documents_of(self.connected, self.query, self.query.aggregate(stages)).await?;
        let id = |document: &Vec<u8>| Document::from_reader(document.as_slice()).ok()?.remove("_id");
        Ok(found.iter().filter_map(id).collect())
    }

    /// Ranges of `_id`, with bounds found in a sample and open at both ends, whatever types `_id` has.
    pub async fn ranges(&self, count: usize) -> Result<Parts> {
        let sample = doc! { "$sample": { "size": BOUND_SAMPLE } };
        let ids = self.ids(vec![sample, doc! { "$sort": { "_id": 1 } }]).await?;
        let mut bounds: Vec<Bson> = (1..count).filter_map(|part| ids.get(part * ids.len() / count).cloned()).collect();
        bounds.dedup();
        let from = std::iter::once(None).chain(bounds.iter().cloned().map(Some));
        let to = bounds.iter().cloned().map(Some).chain(std::iter::once(None));
        Ok(Parts { orders: from.zip(to).map(|(from, to)| Order::ById { from, to }).collect(), member: None })
    }
}
