//! Which brokers there are, who leads which partition, who coordinates what; and connections to them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{FindCoordinatorRequest, MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use super::broker::Broker;
use super::requests::Ask;
use super::security::Security;
use crate::kafka::client::backoff::Backoff;
use crate::kafka::client::error::{About, Code, Error, Remedy};
use crate::kafka::client::options::Options;
use crate::kafka::client::stop::Stop;

/// How long a coordinator is asked the same question.
const ASK: Duration = Duration::from_secs(30);

/// How long topics that were created just now may have no leader.
const ELECTION: Duration = Duration::from_secs(5);

/// How long the leaders of topics count as known.
const BELIEVED: Duration = Duration::from_secs(300);

/// A connection that was idle for so long is made anew. Brokers close theirs after 10 minutes.
const IDLE: Duration = Duration::from_secs(240);

/// How long waits go on once the process was asked to stop, so that a transaction that has begun can end.
const GRACE: Duration = Duration::from_secs(4);

/// The first and the longest pause between questions. Brokers end a transaction within milliseconds, and the next one waits for
/// that: so the first pause is short. Elections and restarts take longer.
const SOON: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));
const LATER: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What a broker coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) enum Coordinates {
    /// A transactional id.
    Transactions,
    /// A consumer group.
    Group,
}

/// What a connection is for. Each purpose has its own, because a broker answers the requests of a connection one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    Coordinate,
    Produce,
}

/// The brokers, as one client sees them.
pub(in crate::kafka) struct Cluster {
    options: Options,
    stop: Stop,
    security: Security,
    group: StrBytes,
    transactional_id: StrBytes,
    nodes: BTreeMap<i32, (String, u16)>,
    /// The leader of each partition.
    leaders: HashMap<Arc<str>, Vec<i32>>,
    learned: Instant,
    /// Since when topics are said to be absent.
    absent: Option<Instant>,
    coordinators: HashMap<Coordinates, i32>,
    connections: HashMap<(Purpose, i32), Broker>,
    /// How many times a coordinator was asked and gave no answer.
    unanswered: u64,
}

impl Cluster {
    /// Connects when it is first asked.
    ///
    /// # Errors
    /// [`Error::Property`] when an override is wrong.
    pub(in crate::kafka) fn new(options: &Options, group: &str, transactional_id: &str) -> Result<Cluster, Error> {
        Ok(Cluster {
            options: options.clone(),
            stop: Stop::after(options, GRACE),
            security: Security::of(options)?,
            group: StrBytes::from_string(group.to_owned()),
            transactional_id: StrBytes::from_string(transactional_id.to_owned()),
            nodes: BTreeMap::new(),
            leaders: HashMap::new(),
            learned: Instant::now(),
            absent: None,
            coordinators: HashMap::new(),
            connections: HashMap::new(),
            unanswered: 0,
        })
    }

    /// A cluster that takes these nodes for the leaders of the topics' partitions.
    #[cfg(test)]
    pub(super) fn with_leaders(topics: &[(&Arc<str>, &[i32])]) -> Cluster {
        let mut cluster = Cluster::new(&Options::new("127.0.0.1:1"), "test", "test").expect("nothing to get wrong");
        cluster.leaders = topics.iter().map(|(topic, leaders)| (Arc::clone(topic), leaders.to_vec())).collect();
        cluster
    }

    /// What ends waits for these brokers.
    pub(in crate::kafka) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// How many times a coordinator was asked and gave no answer. What it was asked for may have been done all the same.
    pub(in crate::kafka) fn unanswered(&self) -> u64 {
        self.unanswered
    }

    /// Forgets connections, leaders and coordinators after something went wrong.
    pub(in crate::kafka) fn forget(&mut self) {
        self.leaders.clear();
        self.coordinators.clear();
        self.connections.clear();
    }

    /// The leaders of a topic's partitions, as far as they were asked for. A negative number means that there is none now.
    pub(super) fn leaders(&self, topic: &str) -> &[i32] {
        self.leaders.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Asks a coordinator until it answers, with success or with an error that asking again would not change. Every request
    /// that is sent this way may be sent twice.
    pub(in crate::kafka) fn coordinate<R: Ask>(
        &mut self,
        of: Coordinates,
        request: &R,
        mut code: impl FnMut(&R::Response) -> i16,
    ) -> Result<R::Response, Error> {
        use ResponseError::*;
        let deadline = Instant::now() + ASK.min(self.options.patience);
        let [mut soon, mut later] = [SOON, LATER].map(|pauses| Backoff::between(&self.stop, pauses));
        loop {
            let asked = self.coordinator(of).and_then(|broker| broker.ask(request));
            let error = match asked.and_then(|answer| self.check(of, code(&answer)).map(|()| answer)) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let answered = if let Error::Answer { code, .. } = error { Some(code) } else { None };
            self.unanswered += u64::from(answered.is_none());
            let paused = match (answered, error.remedy()) {
                (Some(ConcurrentTransactions), _) => soon.pause(),
                (Some(CoordinatorLoadInProgress | UnstableOffsetCommit), _) => later.pause(),
                (Some(NotCoordinator | CoordinatorNotAvailable), _) | (None, Remedy::Retry) => {
                    self.coordinators.remove(&of);
                    self.connections.retain(|(purpose, _), _| *purpose != Purpose::Coordinate);
                    later.pause()
                }
                _ => return Err(error),
            };
            if paused.is_err() || Instant::now() >= deadline {
                return Err(error);
            }
        }
    }

    /// Returns the error of that number, unless the number means success.
    fn check(&self, of: Coordinates, number: i16) -> Result<(), Error> {
        Code::check(number).map_err(|code| {
            code.about(match of {
                Coordinates::Transactions => About::Transactions(self.transactional_id.to_string()),
                Coordinates::Group => About::Group(self.group.to_string()),
            })
        })
    }

    fn coordinator(&mut self, of: Coordinates) -> Result<&mut Broker, Error> {
        let node = match self.coordinators.get(&of) {
            Some(&node) => node,
            None => self.find_coordinator(of)?,
        };
        self.connection(Purpose::Coordinate, node)
    }

    fn find_coordinator(&mut self, of: Coordinates) -> Result<i32, Error> {
        let (key, kind) = match of {
            Coordinates::Group => (&self.group, 0),
            Coordinates::Transactions => (&self.transactional_id, 1),
        };
        let request = FindCoordinatorRequest::default().with_key(key.clone()).with_key_type(kind);
        let answer = self.any()?.ask(&request)?;
        self.check(of, answer.error_code)?;
        let node = answer.node_id.0;
        self.nodes.insert(node, address(&answer.host, answer.port)?);
        self.coordinators.insert(of, node);
        Ok(node)
    }

    /// Makes sure that the leaders of topics are known.
    pub(super) fn learn<'a>(&mut self, topics: impl Iterator<Item = &'a Arc<str>>) -> Result<(), Error> {
        if self.learned.elapsed() >= BELIEVED {
            self.leaders.clear();
        }
        if self.leaders.is_empty() {
            self.learned = Instant::now();
        }
        let mut unknown: Vec<&Arc<str>> = topics.filter(|topic| !self.leaders.contains_key(*topic)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        let deadline = Instant::now() + ELECTION.min(self.options.patience);
        let mut backoff = Backoff::between(&self.stop, LATER);
        while !unknown.is_empty() {
            let answer = self.metadata(&unknown)?;
            let mut obstacle = None;
            for topic in answer.topics {
                let Some(name) = &topic.name else { continue };
                let Some(at) = unknown.iter().position(|unknown| ***unknown == ***name) else { continue };
                match self.leaders_of(&topic)? {
                    Ok(leaders) => drop(self.leaders.insert(unknown.swap_remove(at).clone(), leaders)),
                    Err(why) => obstacle = Some((name.to_string(), why.to_string())),
                }
            }
            let Some(topic) = unknown.first() else { break };
            if Instant::now() >= deadline || backoff.pause().is_err() {
                let unnamed = || (topic.to_string(), "the brokers say nothing of it".to_owned());
                let (topic, reason) = obstacle.unwrap_or_else(unnamed);
                return Err(Error::NotReady { topic, reason });
            }
        }
        self.absent = None;
        Ok(())
    }

    /// Reads the leaders of a topic's partitions, or why they are not known yet.
    fn leaders_of(&mut self, topic: &MetadataResponseTopic) -> Result<Result<Vec<i32>, ResponseError>, Error> {
        use ResponseError::*;
        let fatal = |why: &str| {
            let name = topic.name.as_ref().map_or("", |name| name);
            Err(Error::topic(name, why))
        };
        match ResponseError::try_from_code(topic.error_code) {
            None => {}
            Some(TopicAuthorizationFailed) => {
                return fatal("the user of this host needs the right to write to its topics");
            }
            Some(InvalidTopicException) => return fatal("this can't be a topic's name"),
            Some(UnknownTopicOrPartition)
                if self.absent.get_or_insert_with(Instant::now).elapsed() >= self.options.patience =>
            {
                return fatal("there is no such topic; create the topic");
            }
            Some(code) => return Ok(Err(code)),
        }
        let mut leaders = vec![-1; topic.partitions.len()];
        for partition in &topic.partitions {
            let at = usize::try_from(partition.partition_index).ok();
            if let Some(leader) = at.and_then(|at| leaders.get_mut(at)) {
                *leader = partition.leader_id.0;
            }
        }
        let complete = !leaders.is_empty() && leaders.iter().all(|leader| *leader >= 0);
        Ok(if complete { Ok(leaders) } else { Err(LeaderNotAvailable) })
    }

    fn metadata(&mut self, topics: &[&Arc<str>]) -> Result<MetadataResponse, Error> {
        let named = |topic: &&Arc<str>| {
            let name = TopicName(StrBytes::from_string(topic.to_string()));
            MetadataRequestTopic::default().with_name(Some(name))
        };
        // Brokers that may create topics by themselves do so when they are asked.
        let request = MetadataRequest::default()
            .with_topics(Some(topics.iter().map(named).collect()))
            .with_allow_auto_topic_creation(true);
        let answer = self.any()?.ask(&request)?;
        for broker in &answer.brokers {
            self.nodes.insert(broker.node_id.0, address(&broker.host, broker.port)?);
        }
        Ok(answer)
    }

    /// The connection to a broker whose address is known.
    pub(super) fn connection(&mut self, purpose: Purpose, node: i32) -> Result<&mut Broker, Error> {
        use std::collections::hash_map::Entry::{Occupied, Vacant};
        let unknown = || Error::Unanswered(format!("nothing is known of broker {node}"));
        match self.connections.entry((purpose, node)) {
            Occupied(known) if known.get().idle() < IDLE => {
                let broker = known.into_mut();
                broker.renew(&self.security)?;
                Ok(broker)
            }
            entry => {
                let (host, port) = self.nodes.get(&node).ok_or_else(unknown)?;
                let broker = Broker::connect(host, *port, &self.security, &self.stop)?;
                Ok(match entry {
                    Occupied(mut known) => {
                        known.insert(broker);
                        known.into_mut()
                    }
                    Vacant(vacant) => vacant.insert(broker),
                })
            }
        }
    }

    /// A connection to any broker that answers.
    pub(super) fn any(&mut self) -> Result<&mut Broker, Error> {
        let open = self
            .connections
            .iter()
            .find(|((purpose, _), broker)| *purpose == Purpose::Coordinate && broker.idle() < IDLE);
        if let Some(&key) = open.map(|(key, _)| key) {
            return self.connection(key.0, key.1);
        }
        // The addresses to begin with get negative numbers.
        let begin = self.options.brokers.split(',').filter_map(parse).zip(1..).map(|(address, at)| (-at, address));
        let missing: Vec<_> = begin.filter(|(node, _)| !self.nodes.contains_key(node)).collect();
        self.nodes.extend(missing);
        let mut failure = Error::Unanswered("no brokers are given".to_owned());
        for node in self.nodes.keys().rev().copied().collect::<Vec<_>>() {
            match self.connection(Purpose::Coordinate, node).map(drop) {
                Ok(()) => return self.connection(Purpose::Coordinate, node),
                Err(error) if error.may_pass() => failure = error,
                Err(error) => return Err(error),
            }
        }
        Err(failure)
    }
}

fn address(host: &StrBytes, port: i32) -> Result<(String, u16), Error> {
    let port = u16::try_from(port).map_err(|_| Error::at(host, format!("{port} is no port")))?;
    Ok((host.to_string(), port))
}

/// Reads `host:port`, perhaps behind a protocol. Without a port it is Kafka's own, 9092.
pub(super) fn parse(text: &str) -> Option<(String, u16)> {
    let text = text.trim();
    let text = text.split_once("://").map_or(text, |(_, address)| address);
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
        _ => (text, 9092),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn addresses_to_begin_with() {
        let check = |text, host: &str, port| assert_eq!(parse(text), Some((host.to_owned(), port)), "{text}");
        check("kafka:9093", "kafka", 9093);
        check(" kafka ", "kafka", 9092);
        check("SSL://kafka:1", "kafka", 1);
        check("[::1]:9093", "::1", 9093);
        check("[::1]", "::1", 9092);
        check("::1", "::1", 9092);
        for wrong in ["", ":9092", "kafka:port", "kafka:99999"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
