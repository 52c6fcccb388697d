//! One connection against a broker that behaves, misbehaves, or does nothing.

use std::time::Duration;

use crate::fake::{FakeBroker, Reply, api_versions};
use client::{Connection, ConnectionConfig, Error};
use protocol::messages::api_versions_response::ApiVersion;
use protocol::messages::{
    ApiVersionsResponse, FindCoordinatorResponse, ListGroupsRequest, ListGroupsResponse,
};
use protocol::{ApiKey, ErrorCode};

async fn open(broker: &FakeBroker, edit: impl FnOnce(&mut ConnectionConfig)) -> client::Result<Connection> {
    let mut config = ConnectionConfig::default();
    edit(&mut config);
    Connection::open(&broker.address.to_string(), &config).await
}

fn groups(error_code: i16) -> ListGroupsResponse<'static> {
    ListGroupsResponse { error_code, ..Default::default() }
}

#[tokio::test]
async fn an_old_broker_answers_in_version_0_what_it_has() {
    // KIP-511: whatever is too new is answered in version 0, with the versions of ApiVersions.
    let broker = FakeBroker::start(|request| match (request.api, request.version) {
        (ApiKey::ApiVersions, 3..) => {
            let own = ApiVersion { api_key: 18, min_version: 0, max_version: 2, ..Default::default() };
            let response = ApiVersionsResponse {
                error_code: ErrorCode::UnsupportedVersion.code(),
                api_keys: vec![own],
                ..Default::default()
            };
            Some(request.answer_at(&response, 0))
        }
        _ => None,
    })
    .await;
    let connection = open(&broker, |_| {}).await.unwrap();
    let versions: Vec<i16> = broker.received(ApiKey::ApiVersions).iter().map(|r| r.version).collect();
    assert_eq!(versions, [*ApiKey::ApiVersions.stable_versions().end(), 2]);
    assert_eq!(connection.version(ApiKey::Fetch, i16::MAX).unwrap(), *ApiKey::Fetch.stable_versions().end());
}

#[tokio::test]
async fn a_still_older_broker_lists_nothing_and_gets_version_0() {
    let broker = FakeBroker::start(|request| match (request.api, request.version) {
        (ApiKey::ApiVersions, 1..) => {
            let error_code = ErrorCode::UnsupportedVersion.code();
            Some(request.answer_at(&ApiVersionsResponse { error_code, ..Default::default() }, 0))
        }
        _ => None,
    })
    .await;
    open(&broker, |_| {}).await.unwrap();
    assert_eq!(broker.received(ApiKey::ApiVersions).last().unwrap().version, 0);
}

#[tokio::test]
async fn the_highest_common_version_is_spoken() {
    let broker = FakeBroker::start(|request| match request.api {
        ApiKey::ApiVersions => {
            let mut response = api_versions();
            for api in &mut response.api_keys {
                if api.api_key == ApiKey::ListGroups.key() {
                    (api.min_version, api.max_version) = (0, 2);
                }
                if api.api_key == ApiKey::FindCoordinator.key() {
                    (api.min_version, api.max_version) = (50, 60);
                }
            }
            Some(request.answer(&response))
        }
        ApiKey::ListGroups => Some(request.answer(&groups(0))),
        _ => None,
    })
    .await;
    let connection = open(&broker, |_| {}).await.unwrap();
    let answer = connection.call(&ListGroupsRequest::default()).await.unwrap();
    assert_eq!(answer.version(), 2);
    let error = connection.version(ApiKey::FindCoordinator, i16::MAX).unwrap_err();
    assert!(matches!(error, Error::UnsupportedVersion { theirs: Some((50, 60)), .. }), "{error}");
}

#[tokio::test]
async fn requests_do_not_wait_for_each_other() {
    // The first is answered only once the second has come.
    let mut held = false;
    let broker = FakeBroker::start(move |request| match request.api {
        ApiKey::ListGroups if !held => {
            held = true;
            let Reply::Body(body) = request.answer(&groups(11)) else { unreachable!() };
            Some(Reply::Hold(body))
        }
        ApiKey::ListGroups => Some(request.answer(&groups(22))),
        _ => None,
    })
    .await;
    let connection = open(&broker, |_| {}).await.unwrap();
    let request = ListGroupsRequest::default();
    let (first, second) = tokio::join!(connection.call(&request), connection.call(&request));
    let code = |answer: client::Result<client::Answer<ListGroupsRequest<'_>>>| {
        answer.unwrap().decode().unwrap().error_code
    };
    assert_eq!((code(first), code(second)), (11, 22));
}

#[tokio::test]
async fn silence_ends_in_a_timeout_that_names_the_broker() {
    let broker = FakeBroker::start(|r| (r.api == ApiKey::ListGroups).then_some(Reply::Silence)).await;
    let connection = open(&broker, |c| c.request_timeout = Duration::from_millis(50)).await.unwrap();
    let error = connection.call(&ListGroupsRequest::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&broker.address.to_string()) && text.contains("ListGroups within 50 ms"), "{text}");
    assert!(error.is_retriable());
    // What comes later would be the answer to something else.
    assert!(connection.is_closed());
    let error = connection.call(&ListGroupsRequest::default()).await.unwrap_err();
    assert!(matches!(error, Error::Disconnected { .. }), "{error}");
}

#[tokio::test]
async fn a_lost_connection_fails_all_that_waits() {
    let mut seen = 0;
    let broker = FakeBroker::start(move |request| match request.api {
        ApiKey::ListGroups => {
            seen += 1;
            Some(if seen < 2 { Reply::Silence } else { Reply::Close })
        }
        _ => None,
    })
    .await;
    let connection = open(&broker, |_| {}).await.unwrap();
    let request = ListGroupsRequest::default();
    let (first, second) = tokio::join!(connection.call(&request), connection.call(&request));
    for error in [first.unwrap_err(), second.unwrap_err()] {
        assert!(matches!(error, Error::Disconnected { api: ApiKey::ListGroups, .. }), "{error}");
    }
}

async fn garbage(reply: impl Fn() -> Reply + Send + 'static, expect: &str) {
    let broker = FakeBroker::start(move |r| (r.api == ApiKey::ListGroups).then(&reply)).await;
    let connection = open(&broker, |c| c.max_response_bytes = 10_000).await.unwrap();
    let error = connection.call(&ListGroupsRequest::default()).await;
    let error = match error {
        Ok(answer) => answer.decode().unwrap_err(),
        Err(error) => error,
    };
    assert!(error.to_string().contains(expect), "{error}");
}

#[tokio::test]
async fn garbage_ends_the_connection_and_says_why() {
    garbage(|| Reply::Misaddressed, "answer 2 where 1 was due").await;
    garbage(|| Reply::Raw(10_001_i32.to_be_bytes().to_vec()), "over the limit of 10000").await;
    garbage(|| Reply::Raw((-5_i32).to_be_bytes().to_vec()), "an answer of -5 bytes").await;
    garbage(|| Reply::Raw(vec![0, 0, 0, 2, 0, 0]), "too short").await;
    garbage(|| Reply::Body(vec![1]), "malformed answer to ListGroups").await;
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_ends_the_connection() {
    let broker = FakeBroker::start(|r| match r.api {
        ApiKey::ListGroups => {
            let mut w = protocol::wire::Writer::new();
            FindCoordinatorResponse::default().encode(&mut w, 0).unwrap();
            let body = w.into_bytes();
            let frame = [&(body.len() as i32 + 4).to_be_bytes()[..], &77_i32.to_be_bytes(), &body].concat();
            Some(Reply::Raw([frame.clone(), frame].concat()))
        }
        _ => None,
    })
    .await;
    let connection = open(&broker, |_| {}).await.unwrap();
    let error = connection.call(&ListGroupsRequest::default()).await.unwrap_err();
    assert!(error.to_string().contains("answer 77 where 1 was due"), "{error}");
}

#[tokio::test]
async fn nobody_listens() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = Connection::open(&address, &ConnectionConfig::default()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot connect to broker {address}: ")), "{text}");
}

#[tokio::test]
async fn a_listener_that_is_no_broker() {
    let broker = FakeBroker::start(|_| Some(Reply::Silence)).await;
    let error = open(&broker, |c| c.connect_timeout = Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout { api: ApiKey::ApiVersions, .. }), "{error}");
}
