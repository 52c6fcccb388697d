//! The network between controllers: none yet. A quorum has this node alone, and openraft sends nothing to itself; if
//! it asks for another node, that node is unreachable.

use std::future::Future;

use openraft::error::{Fatal, RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, OptionalSend, Snapshot};

use crate::types::{NodeId, TypeConfig, Vote, Voter};

type RpcError = RPCError<NodeId, Voter, RaftError<NodeId>>;

/// Makes the connections, none of which reaches anyone.
#[derive(Debug)]
pub(crate) struct LocalOnly;

/// A connection to a node that cannot be reached.
#[derive(Debug)]
pub(crate) struct Nowhere(NodeId);

impl Nowhere {
    fn unreachable(&self) -> Unreachable {
        Unreachable::new(&AnyError::error(format!("no network to controller {} is served yet", self.0)))
    }
}

impl RaftNetworkFactory<TypeConfig> for LocalOnly {
    type Network = Nowhere;

    async fn new_client(&mut self, target: NodeId, _: &Voter) -> Nowhere {
        Nowhere(target)
    }
}

impl RaftNetwork<TypeConfig> for Nowhere {
    async fn append_entries(
        &mut self,
        _: AppendEntriesRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RpcError> {
        Err(self.unreachable().into())
    }

    async fn vote(&mut self, _: VoteRequest<NodeId>, _: RPCOption) -> Result<VoteResponse<NodeId>, RpcError> {
        Err(self.unreachable().into())
    }

    async fn full_snapshot(
        &mut self,
        _: Vote,
        _: Snapshot<TypeConfig>,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<NodeId>, StreamingError<TypeConfig, Fatal<NodeId>>> {
        Err(self.unreachable().into())
    }
}
