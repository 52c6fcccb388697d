//! DescribeTransactions, of one id.

use protocol::ErrorCode;
use protocol::messages::describe_transactions_response::{TopicData, TransactionState as Described};
use protocol::wire::Str;

use super::TransactionCoordinator;
use super::request::Response;
use super::transaction::{Transaction, TransactionState};
use crate::runtime::{Outcome, ReplyToken};

impl TransactionCoordinator {
    pub(super) fn describe(&self, token: ReplyToken, transactional_id: &str) -> Outcome<Self> {
        let error = |code: ErrorCode| Described { error_code: code.code(), ..Described::default() };
        let found = self.transactions.get(transactional_id);
        let described = match found.filter(|transaction| transaction.state != TransactionState::Dead) {
            _ if transactional_id.is_empty() => error(ErrorCode::InvalidRequest),
            None => error(ErrorCode::TransactionalIdNotFound),
            Some(transaction) => described(transaction),
        };
        let described = Described { transactional_id: Str::Owned(transactional_id.to_owned()), ..described };
        Outcome::reply(token, Response::Described(Box::new(described)))
    }
}

fn described(transaction: &Transaction) -> Described<'static> {
    let topics = transaction.partitions.iter().map(|(topic, partitions)| TopicData {
        topic: Str::Owned(topic.to_string()),
        partitions: partitions.iter().copied().collect(),
        ..TopicData::default()
    });
    Described {
        transaction_state: Str::Borrowed(transaction.state.name()),
        transaction_timeout_ms: transaction.timeout_ms,
        transaction_start_time_ms: transaction.start_ms,
        producer_id: transaction.producer_id.get(),
        producer_epoch: transaction.producer_epoch.get(),
        topics: topics.collect(),
        ..Described::default()
    }
}
