//! The node: sockets, dispatch, one handler an API, purgatory, and the shells around the machines.
