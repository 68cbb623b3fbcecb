//! Client sessions: who is connected, what they asked for, what waits to be sent to them.

mod announced;
mod info;
mod memory;
mod pause;
mod session;
mod slab;
mod subscriptions;
mod throttle;
mod tracking;
mod transaction;
mod wait;

pub use announced::{Announced, Content};
pub use info::{AwaitedKeys, ClientMemory};
pub use pause::{Pause, Pauser};
pub use session::{
    Closing, Flags, Kind, Names, PeerAddr, Query, ReplyMode, Session, Traffic, WatchedKey,
};
pub use slab::{ClientId, Clients};
pub use subscriptions::{Subscriptions, Topic};
pub use throttle::Throttle;
pub use tracking::{PrefixSet, Redirect, Tracking, TrackingMode};
pub use transaction::Transaction;
pub use wait::{KeysWait, ReplicasWait, SyncWait, Wait};
