//! What a command may touch: its power is its type.

use super::Server;
use crate::client::{ClientId, Kind, Session};
use crate::config::Config;
use crate::effects::{Action, Effects};
use crate::keyspace::{Db, KnownHash, Touch};
use crate::persist::rdb::Dumper;
use crate::resp::{Argv, Reply};
use crate::types::Limits;
use rand::rngs::SmallRng;

/// What data commands get: one database, the reply, randomness.
#[derive(Debug)]
pub struct KeysCtx<'a> {
    /// The selected database.
    pub db: Db<'a>,
    /// Where the reply goes.
    pub reply: Reply<'a>,
    /// Every option.
    pub config: &'a Config,
    /// Where collections change their encoding.
    pub limits: &'a Limits,
    /// Randomness.
    pub rng: &'a mut SmallRng,
    /// Makes DUMP payloads.
    pub dumper: &'a mut Dumper,
    /// The command comes out of a log or from the primary, where it has run already.
    pub is_replayed: bool,
    effects: &'a mut Effects,
}

impl KeysCtx<'_> {
    /// Whether there is an AOF or a replica, for which [`KeysCtx::propagate_as`] is to be told what
    /// the command does not say.
    pub fn is_feeding(&self) -> bool {
        self.effects.is_feeding()
    }

    /// Asks something of the process.
    pub fn act(&mut self, action: Action) {
        self.effects.act(action);
    }

    /// The AOF and the replicas get the removal of `key` in place of the command, and are told to free it on another
    /// thread, if `lazily`.
    pub fn propagate_removal(&mut self, key: &[u8], lazily: bool) {
        let name: &[u8] = if lazily { b"UNLINK" } else { b"DEL" };
        self.propagate_as(&[name, key]);
    }

    /// What the AOF and the replicas get in place of the command as received; nothing, if `argv`
    /// is empty. Called several times it gives several commands, which become one transaction.
    pub fn propagate_as(&mut self, argv: &[&[u8]]) {
        if self.effects.is_feeding() {
            self.effects.rewrite(self.db.index(), argv);
        }
    }
}

/// What commands about the connection itself get.
#[derive(Debug)]
pub struct ClientCtx<'a> {
    /// The client's own session.
    pub session: &'a mut Session,
    /// Every option.
    pub config: &'a Config,
    /// Milliseconds since the epoch.
    pub now_ms: u64,
}

impl ClientCtx<'_> {
    /// Where the reply goes.
    pub fn reply(&mut self) -> Reply<'_> {
        Reply::new(&mut self.session.out, self.session.resp)
    }
}

impl Server {
    /// The view of a data command of client `id`.
    #[inline]
    pub fn keys_ctx(&mut self, id: ClientId, argv: &Argv<'_>) -> KeysCtx<'_> {
        let Self { keyspace, clients, effects, config, limits, rng, dumper, .. } = self;
        let session = clients.running(id);
        let touch = if session.flags.no_touch { Touch::Leave } else { Touch::Use };
        let known = match argv.first_key_hash() {
            Some(hash) => KnownHash::new(&argv[1], hash),
            None => KnownHash::default(),
        };
        KeysCtx {
            is_replayed: session.kind == Kind::Primary || keyspace.shared.is_timeless(),
            db: keyspace.db(session.db).with(touch, known),
            reply: Reply::new(&mut session.out, session.resp),
            config,
            limits,
            rng,
            dumper,
            effects,
        }
    }

    /// The view of a command about client `id` itself.
    pub fn client_ctx(&mut self, id: ClientId) -> ClientCtx<'_> {
        let now_ms = self.now_ms();
        let Self { clients, config, .. } = self;
        ClientCtx { session: clients.running(id), config, now_ms }
    }
}
