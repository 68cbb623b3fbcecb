//! Keyspace notifications: changes of keys, published to channels named for the key and the event.

use crate::config::special::NotifyFlags;
use crate::keyspace::{Change, EventClass};
use crate::server::Server;

/// What `notify-keyspace-events` must have for events of a class to be published.
fn class_flag(class: EventClass) -> Option<NotifyFlags> {
    Some(match class {
        EventClass::Generic => NotifyFlags::GENERIC,
        EventClass::String => NotifyFlags::STRING,
        EventClass::List => NotifyFlags::LIST,
        EventClass::Set => NotifyFlags::SET,
        EventClass::Hash => NotifyFlags::HASH,
        EventClass::Zset => NotifyFlags::ZSET,
        EventClass::Stream | EventClass::Reading => NotifyFlags::STREAM,
        EventClass::Expired => NotifyFlags::EXPIRED,
        EventClass::Evicted => NotifyFlags::EVICTED,
        EventClass::New => NotifyFlags::NEW,
        EventClass::KeyMiss => NotifyFlags::KEY_MISS,
        EventClass::Overwritten => NotifyFlags::OVERWRITTEN,
        EventClass::TypeChanged => NotifyFlags::TYPE_CHANGED,
        EventClass::Claimable
        | EventClass::Untold
        | EventClass::Silent
        | EventClass::Database
        | EventClass::Flushed => {
            return None;
        }
    })
}

/// Publishes a change, if the configuration selects its class and anybody could hear of it.
pub fn publish(s: &mut Server, change: &Change) {
    let flags = s.config.notify_keyspace_events;
    let selected = class_flag(change.event.class).is_some_and(|class| flags.contains(class));
    if !selected || s.pubsub.is_silent() {
        return;
    }
    let name = change.event.name;
    if flags.contains(NotifyFlags::KEYSPACE) {
        let mut channel = format!("__keyspace@{}__:", change.db).into_bytes();
        channel.extend_from_slice(&change.key);
        s.pubsub.publish(&mut s.clients, None, &channel, name.as_bytes());
    }
    if flags.contains(NotifyFlags::KEYEVENT) {
        let channel = format!("__keyevent@{}__:{name}", change.db);
        s.pubsub.publish(&mut s.clients, None, channel.as_bytes(), &change.key);
    }
    if flags.intersects(NotifyFlags::SUBKEYS) && !change.fields.is_empty() {
        publish_fields(s, change, flags);
    }
}

/// Publishes which fields of a hash a change is about, to up to four kinds of channels. Texts are told with
/// their lengths, for they may hold anything.
#[cold]
fn publish_fields(s: &mut Server, change: &Change, flags: NotifyFlags) {
    let Change { db, key, event, fields } = change;
    let name = event.name;
    let mut list = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        list.extend_from_slice(if i == 0 { b"" } else { b"," });
        push_measured(&mut list, field);
    }
    let mut send = |channel: &[u8], message: &[u8]| {
        s.pubsub.publish(&mut s.clients, None, channel, message);
    };
    let channel = |kind: &str, parts: &[&[u8]]| {
        let head = format!("__{kind}@{db}__:").into_bytes();
        parts.iter().fold(head, |mut channel, part| {
            channel.extend_from_slice(part);
            channel
        })
    };
    if flags.contains(NotifyFlags::SUBKEYSPACE) {
        send(&channel("subkeyspace", &[key]), &[name.as_bytes(), b"|", &list].concat());
    }
    if flags.contains(NotifyFlags::SUBKEYEVENT) {
        let mut message = Vec::new();
        push_measured(&mut message, key);
        message.push(b'|');
        message.extend_from_slice(&list);
        send(&channel("subkeyevent", &[name.as_bytes()]), &message);
    }
    if flags.contains(NotifyFlags::SUBKEYSPACEITEM) {
        for field in fields {
            send(&channel("subkeyspaceitem", &[key, b"\n", field]), name.as_bytes());
        }
    }
    if flags.contains(NotifyFlags::SUBKEYSPACEEVENT) {
        send(&channel("subkeyspaceevent", &[name.as_bytes(), b"|", key]), &list);
    }
}

/// A text behind its length: `5:hello`.
fn push_measured(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(text);
}
