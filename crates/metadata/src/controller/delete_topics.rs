//! DeleteTopics: by name in every version, by id since 6 (KIP-516).
//!
//! Does not know the mutation quota (KIP-599).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use protocol::messages::delete_topics_response::DeletableTopicResult;
use protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, RemoveTopicRecord};
use protocol::{ErrorCode, MetadataRecord, Uuid};

use super::{ApiError, Controller, Outcome};
use crate::ClusterImage;
use crate::image::text;

impl Controller {
    /// Answers DeleteTopics of a request of `version`, each topic alone. Kafka shuffles its answers; ours are sorted.
    pub fn delete_topics(
        &self,
        image: &ClusterImage,
        request: &DeleteTopicsRequest<'_>,
        version: i16,
    ) -> Outcome<DeleteTopicsResponse<'static>> {
        let mut answers = Answers::default();
        if !self.configs.flag("delete.topic.enable") {
            answers.refuse_all(request, &deletion_disabled(version));
        } else {
            answers.resolve(image, request);
        }
        let record = |id: &Uuid| {
            MetadataRecord::RemoveTopic(RemoveTopicRecord { topic_id: *id, ..RemoveTopicRecord::default() })
        };
        let records = answers.deleted.keys().map(record).collect();
        for (id, name) in std::mem::take(&mut answers.deleted) {
            answers.push(Some(&name), id, Ok(()));
        }
        let reply = DeleteTopicsResponse { responses: answers.responses, ..Default::default() };
        Outcome { records, reply }
    }
}

/// Clients before version 3 do not know the code.
fn deletion_disabled(version: i16) -> ApiError {
    if version < 3 {
        ApiError::invalid_request("Topic deletion is disabled.")
    } else {
        ApiError::bare(ErrorCode::TopicDeletionDisabled)
    }
}

#[derive(Default)]
struct Answers {
    responses: Vec<DeletableTopicResult<'static>>,
    deleted: BTreeMap<Uuid, String>,
}

/// What a request names, once each.
#[derive(Default)]
struct Named<'a> {
    names: BTreeSet<&'a str>,
    names_twice: BTreeSet<&'a str>,
    ids: BTreeSet<Uuid>,
    ids_twice: BTreeSet<Uuid>,
}

impl Answers {
    fn push(&mut self, name: Option<&str>, topic_id: Uuid, result: Result<(), ApiError>) {
        let (error_code, error_message) = ApiError::fields(&result);
        self.responses.push(DeletableTopicResult {
            name: name.map(text),
            topic_id,
            error_code,
            error_message,
            ..DeletableTopicResult::default()
        });
    }

    fn refuse_all(&mut self, request: &DeleteTopicsRequest<'_>, error: &ApiError) {
        for topic in &request.topics {
            self.push(topic.name.as_deref(), topic.topic_id, Err(error.clone()));
        }
        for name in &request.topic_names {
            self.push(Some(name), Uuid::ZERO, Err(error.clone()));
        }
    }

    fn resolve(&mut self, image: &ClusterImage, request: &DeleteTopicsRequest<'_>) {
        let named = self.collect(request);
        let invalid = |text: &'static str| Err(ApiError::invalid_request(text));
        for name in &named.names_twice {
            self.push(Some(name), Uuid::ZERO, invalid("Duplicate topic name."));
        }
        for id in &named.ids_twice {
            self.push(None, *id, invalid("Duplicate topic id."));
        }
        for id in named.ids.difference(&named.ids_twice) {
            match image.topic_by_id(*id) {
                Some(topic) => {
                    self.deleted.insert(*id, topic.name.to_string());
                }
                None => {
                    let unknown = ApiError::unknown_topic_id("This server does not host this topic ID.");
                    self.push(None, *id, Err(unknown));
                }
            }
        }
        for name in named.names.difference(&named.names_twice) {
            self.resolve_name(image, &named, name);
        }
    }

    fn resolve_name(&mut self, image: &ClusterImage, named: &Named<'_>, name: &str) {
        let Some(topic) = image.topic(name) else {
            let unknown =
                ApiError::unknown_topic_or_partition("This server does not host this topic-partition.");
            return self.push(Some(name), Uuid::ZERO, Err(unknown));
        };
        // A topic named both ways is not deleted: the request contradicts itself or is confused.
        if named.ids.contains(&topic.id) {
            self.deleted.remove(&topic.id);
            let supplied = "The provided topic name maps to an ID that was already supplied.";
            return self.push(Some(name), topic.id, Err(ApiError::invalid_request(supplied)));
        }
        self.deleted.insert(topic.id, name.to_owned());
    }

    /// Sorts what the request names, refusing what names nothing or too much.
    fn collect<'r>(&mut self, request: &'r DeleteTopicsRequest<'_>) -> Named<'r> {
        let mut named = Named::default();
        let mut add_name = |name: &'r Cow<'_, str>| {
            if !named.names.insert(name.as_ref()) {
                named.names_twice.insert(name.as_ref());
            }
        };
        request.topic_names.iter().for_each(&mut add_name);
        for topic in &request.topics {
            match (&topic.name, topic.topic_id) {
                (None, Uuid::ZERO) => {
                    let nothing = ApiError::invalid_request("Neither topic name nor id were specified.");
                    self.push(None, Uuid::ZERO, Err(nothing));
                }
                (Some(name), Uuid::ZERO) => add_name(name),
                (None, id) => {
                    if !named.ids.insert(id) {
                        named.ids_twice.insert(id);
                    }
                }
                (Some(name), id) => {
                    let both = ApiError::invalid_request("You may not specify both topic name and topic id.");
                    self.push(Some(name), id, Err(both));
                }
            }
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use protocol::messages::delete_topics_request::DeleteTopicState;

    use super::super::testing::{self, World, topic};
    use super::*;

    fn named(name: Option<&str>, topic_id: Uuid) -> DeleteTopicState<'static> {
        DeleteTopicState { name: name.map(text), topic_id, ..DeleteTopicState::default() }
    }

    fn ask(
        world: &mut World,
        topics: Vec<DeleteTopicState<'_>>,
    ) -> Vec<(Option<String>, i16, Option<String>)> {
        let request = DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() };
        let outcome = world.controller.delete_topics(world.loader.image(), &request, 6);
        let reply = world.commit(outcome);
        let answer = |r: DeletableTopicResult<'_>| {
            (r.name.map(Into::into), r.error_code, r.error_message.map(Into::into))
        };
        reply.responses.into_iter().map(answer).collect()
    }

    #[test]
    fn topics_go_by_name_and_by_id_with_their_configurations() {
        let mut world = World::of(1);
        let configured = topic("a.b", 1, 1, &[("retention.ms", Some("1"))]);
        world.create(vec![configured, topic("by-id", 1, 1, &[]), topic("stays", 1, 1, &[])]);
        let id = world.image().topic("by-id").unwrap().id;
        let answers = ask(&mut world, vec![named(Some("a.b"), Uuid::ZERO), named(None, id)]);
        assert!(answers.iter().all(|(name, code, _)| name.is_some() && *code == 0), "{answers:?}");
        assert_eq!(world.image().topics_from("").map(|t| &*t.name).collect::<Vec<_>>(), ["stays"]);
        assert!(world.image().topic_configs("a.b").is_none());
        assert_eq!(world.create(vec![topic("a_b", 1, 1, &[])]), [(0, None)], "nothing to collide with");
    }

    #[test]
    fn what_kafka_refuses_is_refused_with_its_words() {
        let mut world = World::of(1);
        world.create(vec![topic("t", 1, 1, &[])]);
        let (id, unknown) = (world.image().topic("t").unwrap().id, Uuid::from_random(9));
        let check = |world: &mut World, topics, expect: &[(Option<&str>, i16, &str)]| {
            let expect: Vec<_> = expect
                .iter()
                .map(|(name, code, text)| (name.map(str::to_owned), *code, Some((*text).to_owned())))
                .collect();
            assert_eq!(ask(world, topics), expect);
        };
        check(
            &mut world,
            vec![named(Some("nope"), Uuid::ZERO), named(None, unknown), named(None, Uuid::ZERO)],
            &[
                (None, 42, "Neither topic name nor id were specified."),
                (None, 100, "This server does not host this topic ID."),
                (Some("nope"), 3, "This server does not host this topic-partition."),
            ],
        );
        check(
            &mut world,
            vec![named(Some("t"), id)],
            &[(Some("t"), 42, "You may not specify both topic name and topic id.")],
        );
        check(
            &mut world,
            vec![named(Some("t"), Uuid::ZERO), named(Some("t"), Uuid::ZERO)],
            &[(Some("t"), 42, "Duplicate topic name.")],
        );
        check(&mut world, vec![named(None, id), named(None, id)], &[(None, 42, "Duplicate topic id.")]);
        check(
            &mut world,
            vec![named(Some("t"), Uuid::ZERO), named(None, id)],
            &[(Some("t"), 42, "The provided topic name maps to an ID that was already supplied.")],
        );
        assert!(world.image().topic("t").is_some());
    }

    #[test]
    fn deletion_can_be_disabled() {
        let mut world = World::of(1);
        world.create(vec![topic("t", 1, 1, &[])]);
        world.controller = testing::controller(&[("delete.topic.enable", "false")]);
        let request = DeleteTopicsRequest { topic_names: vec!["t".into()], ..Default::default() };
        for (version, code) in [(1, 42), (2, 42), (3, 73), (6, 73)] {
            let outcome = world.controller.delete_topics(world.image(), &request, version);
            assert!(outcome.records.is_empty());
            assert_eq!(outcome.reply.responses[0].error_code, code);
        }
    }
}
