//! Who is subscribed to what, and how messages reach them.
//!
//! A message is encoded at most once for each protocol, however many receive it, and a long one is
//! shared by all their outputs. Names are kept in order, in trees: they grow without a pause, and a
//! run repeats itself.
//!
//! Invariant: a client is among a name's subscribers exactly if the name is in its session's
//! `subscriptions`; a name without subscribers is not kept.

mod message;

pub use message::Message;

use crate::client::{ClientId, Clients, Kind, Session, Topic};
use crate::stdx::fields::Fields;
use crate::stdx::glob;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Subscribers by name, ordered by client.
type Names = BTreeMap<Rc<[u8]>, Vec<ClientId>>;

/// Every subscription, and what was sent and is not settled yet.
#[derive(Debug, Default)]
pub struct Pubsub {
    names: [Names; 3],
    /// Messages to the client whose command is running: they come behind its reply.
    own: Vec<(ClientId, Bytes)>,
    /// Clients whose output grew.
    reached: Vec<ClientId>,
}

impl Pubsub {
    /// Channels with subscribers.
    pub fn channels(&self) -> usize {
        self.names[Topic::Channel as usize].len()
    }

    /// Patterns with subscribers.
    pub fn patterns(&self) -> usize {
        self.names[Topic::Pattern as usize].len()
    }

    /// Shard channels with subscribers.
    pub fn shard_channels(&self) -> usize {
        self.names[Topic::Shard as usize].len()
    }

    /// INFO's lines about subscriptions.
    pub fn info(&self, out: &mut Fields) {
        out.put("pubsub_channels", self.channels());
        out.put("pubsub_patterns", self.patterns());
        out.put("pubsubshard_channels", self.shard_channels());
    }

    /// The names of one kind that have subscribers, in order.
    pub fn names(&self, topic: Topic) -> impl Iterator<Item = &[u8]> {
        self.names[topic as usize].keys().map(|name| &**name)
    }

    /// How many clients are subscribed to a name.
    pub fn subscribers(&self, topic: Topic, name: &[u8]) -> usize {
        self.names[topic as usize].get(name).map_or(0, Vec::len)
    }

    /// Whether a message to any channel would reach nobody.
    pub fn is_silent(&self) -> bool {
        self.channels() == 0 && self.patterns() == 0
    }

    /// Subscribes a client; nothing if it is already.
    pub fn subscribe(&mut self, id: ClientId, session: &mut Session, topic: Topic, name: &[u8]) {
        let names = &mut self.names[topic as usize];
        let shared = match names.get_key_value(name) {
            Some((shared, _)) => Rc::clone(shared),
            None => name.into(),
        };
        let subscriptions = session.subscriptions.get_or_insert_default();
        if subscriptions.insert(topic, Rc::clone(&shared)) {
            let subscribers = names.entry(shared).or_default();
            if let Err(place) = subscribers.binary_search(&id) {
                subscribers.insert(place, id);
            }
        }
        if session.kind == Kind::Normal {
            session.kind = Kind::Pubsub;
        }
    }

    /// Ends one subscription, if it is there.
    pub fn unsubscribe(&mut self, id: ClientId, session: &mut Session, topic: Topic, name: &[u8]) {
        let Some(subscriptions) = &mut session.subscriptions else { return };
        if subscriptions.remove(topic, name) {
            remove(&mut self.names[topic as usize], id, name);
        }
        if subscriptions.is_empty() {
            session.subscriptions = None;
            if session.kind == Kind::Pubsub {
                session.kind = Kind::Normal;
            }
        }
    }

    /// Ends all of a client's subscriptions.
    pub fn leave(&mut self, id: ClientId, session: &mut Session) {
        let Some(subscriptions) = session.subscriptions.take() else { return };
        for topic in [Topic::Channel, Topic::Pattern, Topic::Shard] {
            for name in subscriptions.names(topic) {
                remove(&mut self.names[topic as usize], id, name);
            }
        }
        if session.kind == Kind::Pubsub {
            session.kind = Kind::Normal;
        }
    }

    /// Sends a message to a channel's subscribers, then to those of the patterns that match its
    /// name; how many received it. `sender` is the client whose command sends it.
    pub fn publish(
        &mut self,
        clients: &mut Clients,
        sender: Option<ClientId>,
        channel: &[u8],
        message: &[u8],
    ) -> usize {
        let Self { names: [channels, patterns, _], own, reached } = self;
        let mut post = Post { clients, sender, own, reached };
        let mut receivers = 0;
        if let Some(subscribers) = channels.get(channel) {
            receivers += post.deliver(subscribers, Message::new(&[b"message", channel, message]));
        }
        for (pattern, subscribers) in patterns {
            if glob::matches(pattern, channel, false) {
                let parts: [&[u8]; 4] = [b"pmessage", pattern, channel, message];
                receivers += post.deliver(subscribers, Message::new(&parts));
            }
        }
        receivers
    }

    /// Sends a message to a shard channel's subscribers; how many received it.
    pub fn publish_shard(
        &mut self,
        clients: &mut Clients,
        sender: ClientId,
        channel: &[u8],
        message: &[u8],
    ) -> usize {
        let Self { names: [_, _, shards], own, reached } = self;
        let Some(subscribers) = shards.get(channel) else { return 0 };
        let mut post = Post { clients, sender: Some(sender), own, reached };
        post.deliver(subscribers, Message::new(&[b"smessage", channel, message]))
    }

    /// Keeps a push for the client whose command is running until its reply is whole.
    pub fn send_behind_reply(&mut self, id: ClientId, push: Bytes) {
        self.own.push((id, push));
    }

    /// Whether [`Pubsub::settle`] has something to do.
    #[inline]
    pub fn has_sent(&self) -> bool {
        !self.reached.is_empty() || !self.own.is_empty()
    }

    /// The reply of the running command is whole: its client's own messages follow. Answers the
    /// clients whose output grew.
    pub fn settle(&mut self, clients: &mut Clients) -> Vec<ClientId> {
        for (id, push) in self.own.drain(..) {
            if let Some(session) = clients.get_mut(id) {
                message::append(&mut session.out, &push);
            }
        }
        std::mem::take(&mut self.reached)
    }
}

fn remove(names: &mut Names, id: ClientId, name: &[u8]) {
    let Some(subscribers) = names.get_mut(name) else { return };
    if let Ok(place) = subscribers.binary_search(&id) {
        subscribers.remove(place);
    }
    if subscribers.is_empty() {
        names.remove(name);
    }
}

/// What it takes to deliver.
struct Post<'a> {
    clients: &'a mut Clients,
    sender: Option<ClientId>,
    own: &'a mut Vec<(ClientId, Bytes)>,
    reached: &'a mut Vec<ClientId>,
}

impl Post<'_> {
    fn deliver(&mut self, subscribers: &[ClientId], mut message: Message<'_>) -> usize {
        for id in subscribers {
            let Some(session) = self.clients.get_mut(*id) else { continue };
            if self.sender == Some(*id) {
                self.own.push((*id, message.encoded(session.resp).clone()));
            } else {
                message.append_to(&mut session.out, session.resp);
                session.wake();
                self.reached.push(*id);
            }
        }
        subscribers.len()
    }
}
