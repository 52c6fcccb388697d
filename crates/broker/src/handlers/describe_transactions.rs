//! DescribeTransactions, api key 65, version 0: transactional ids as their coordinator has them (KIP-664).
//!
//! Decided by `coordinator::txn`.

use coordinator::txn;
use protocol::messages::{DescribeTransactionsRequest, DescribeTransactionsResponse};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: DescribeTransactionsRequest<'_> = request.decode()?;
    let mut response = DescribeTransactionsResponse::default();
    for id in &body.transactional_ids {
        match node.transactions().ask(id, txn::Request::DescribeTransaction(id)).await {
            Some(txn::Response::Described(described)) => response.transaction_states.push(*described),
            _ => return Err(Malformed::Stopping),
        }
    }
    request.answer(&response)
}
