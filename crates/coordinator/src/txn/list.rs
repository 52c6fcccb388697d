//! ListTransactions: the ids of this partition, by state, producer, age (KIP-994) and name (KIP-1152).

use protocol::messages::ListTransactionsResponse;
use protocol::messages::list_transactions_response::TransactionState as Listed;
use protocol::wire::Str;
use stdx::Now;

use super::TransactionCoordinator;
use super::request::{Filter, Response};
use super::transaction::TransactionState;
use crate::runtime::{Outcome, ReplyToken};

impl TransactionCoordinator {
    pub(super) fn list(&self, now: Now, token: ReplyToken, filter: Filter<'_>) -> Outcome<Self> {
        let known = |name: &&Str<'_>| TransactionState::from_name(name).is_some();
        let known: Vec<_> = filter.states.iter().filter(known).collect();
        let of_state = |state: TransactionState| {
            filter.states.is_empty() || known.iter().any(|name| **name == state.name())
        };
        let listed = self.transactions.iter().filter(|(id, transaction)| {
            let age_ms = now.unix_ms.saturating_sub(transaction.start_ms);
            transaction.state != TransactionState::Dead
                && of_state(transaction.state)
                && (filter.producer_ids.is_empty()
                    || filter.producer_ids.contains(&transaction.producer_id.get()))
                && (filter.longer_than_ms < 0 || age_ms > filter.longer_than_ms)
                && (filter.is_asked)(id)
        });
        let listed = listed.map(|(id, transaction)| Listed {
            transactional_id: Str::Owned(id.to_string()),
            producer_id: transaction.producer_id.get(),
            transaction_state: Str::Borrowed(transaction.state.name()),
            ..Listed::default()
        });
        Outcome::reply(
            token,
            Response::Listed(ListTransactionsResponse {
                transaction_states: listed.collect(),
                unknown_state_filters: unknown_states(filter.states),
                ..ListTransactionsResponse::default()
            }),
        )
    }
}

/// The names among them that are no states: they are told, and the others filter.
pub fn unknown_states(names: &[Str<'_>]) -> Vec<Str<'static>> {
    let is_unknown = |name: &&Str<'_>| TransactionState::from_name(name).is_none();
    names.iter().filter(is_unknown).map(|name| Str::Owned(name.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::harness::check;

    #[test]
    fn by_state_producer_age_and_name() {
        check(&[
            ("list", ""),
            ("init t", "1000:0"),
            ("init u", "1001:0"),
            ("add u 1001:0 a-0", "ok"),
            ("pass 100", ""),
            ("init v", "1002:0"),
            ("add v 1002:0 a-0", "ok"),
            ("list", "t=Empty u=Ongoing v=Ongoing"),
            ("list states=Ongoing", "u=Ongoing v=Ongoing"),
            ("list states=Empty,Lost", "t=Empty ?Lost"),
            ("list states=Lost", "?Lost"),
            ("list id=1002", "v=Ongoing"),
            ("list longer=99 states=Ongoing", "u=Ongoing"),
            ("list longer=100 states=Ongoing", ""),
            ("list name=t", "t=Empty"),
        ]);
    }
}
