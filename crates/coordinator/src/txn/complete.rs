//! The end of a transaction: every partition has its marker.

use protocol::ErrorCode;
use stdx::Now;

use super::TransactionCoordinator;
use super::request::{Response, WriteMarkers};
use crate::CommitError;
use crate::runtime::{Outcome, Reply, ReplyToken};

impl TransactionCoordinator {
    /// Said twice, or of a transaction that is over, it changes nothing.
    pub(super) fn markers_written(
        &self,
        now: Now,
        token: ReplyToken,
        markers: &WriteMarkers,
    ) -> Result<Outcome<Self>, CommitError> {
        let found = self.transactions.get_key_value(&markers.transactional_id);
        let Some((id, transaction)) =
            found.filter(|(id, transaction)| WriteMarkers::of(id, transaction).as_ref() == Some(markers))
        else {
            return Ok(Outcome::reply(token, Response::Done(ErrorCode::InvalidTxnState)));
        };
        let mut outcome = Outcome::default();
        self.change(now, id, &transaction.completed(now.unix_ms), &mut outcome)?;
        outcome.replies.push(Reply { token, response: Response::Done(ErrorCode::None) });
        Ok(outcome)
    }
}
