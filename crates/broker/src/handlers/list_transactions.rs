//! ListTransactions, api key 66, versions 0 to 2: the transactional ids that this broker coordinates (KIP-664).
//!
//! 1: by age (KIP-994). 2: by a regular expression that the whole id matches (KIP-1152). Decided by `coordinator::txn`.

use coordinator::txn::{self, Filter};
use protocol::ErrorCode;
use protocol::messages::{ListTransactionsRequest, ListTransactionsResponse};
use regex::{Regex, RegexBuilder};

use crate::node::Node;
use crate::request::{Answer, Malformed, Request};

/// What a client's expression may grow to.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Answers one request.
pub(crate) async fn serve(node: &Node, request: Request) -> Result<Answer, Malformed> {
    let body: ListTransactionsRequest<'_> = request.decode()?;
    let pattern = body.transactional_id_pattern.as_deref().filter(|pattern| !pattern.is_empty());
    let Ok(pattern) = pattern.map(whole).transpose() else {
        let error_code = ErrorCode::InvalidRegularExpression.code();
        return request
            .answer(&ListTransactionsResponse { error_code, ..ListTransactionsResponse::default() });
    };
    let filter = Filter {
        states: &body.state_filters,
        producer_ids: &body.producer_id_filters,
        longer_than_ms: body.duration_filter,
        is_asked: &|id| pattern.as_ref().is_none_or(|pattern| pattern.is_match(id)),
    };
    let mut response = ListTransactionsResponse {
        unknown_state_filters: txn::unknown_states(&body.state_filters),
        ..ListTransactionsResponse::default()
    };
    for coordinator in node.transactions().coordinators.all() {
        let asked = node.transactions().ask_coordinator(&coordinator, txn::Request::ListTransactions(filter));
        match asked.await {
            Some(txn::Response::Listed(part)) if part.error_code != 0 => {
                response.error_code = part.error_code;
            }
            Some(txn::Response::Listed(part)) => response.transaction_states.extend(part.transaction_states),
            _ => return Err(Malformed::Stopping),
        }
    }
    request.answer(&response)
}

fn whole(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(MAX_PATTERN_BYTES).build()
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn the_whole_id_matches() {
        for (pattern, id, expect) in
            [("a|b", "a", true), ("a|b", "ab", false), ("a.*", "abc", true), ("b", "abc", false)]
        {
            assert_eq!(whole(pattern).unwrap().is_match(id), expect, "{pattern} {id}");
        }
        assert!(whole("(").is_err());
        assert!(whole("(((a{1000}){1000}){1000})").is_err(), "it would take gigabytes");
    }
}
