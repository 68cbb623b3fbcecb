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
        EventClass::Expired => NotifyFlags::EXPIRED,
        EventClass::Evicted => NotifyFlags::EVICTED,
        EventClass::New => NotifyFlags::NEW,
        EventClass::KeyMiss => NotifyFlags::KEY_MISS,
        EventClass::Overwritten => NotifyFlags::OVERWRITTEN,
        EventClass::TypeChanged => NotifyFlags::TYPE_CHANGED,
        EventClass::Silent | EventClass::Database | EventClass::Flushed => return None,
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
}
