//! What INFO and ROLE tell of replication.

use super::{Phase, Repl, Role};
use crate::config::Config;
use crate::resp::Reply;
use crate::stdx::fields::Fields;

impl Repl {
    /// Section `replication`.
    pub fn info(&self, out: &mut Fields, config: &Config, now_ms: u64) {
        match &self.role {
            Role::Primary => out.put("role", "master"),
            Role::Replica(primary) => {
                out.put("role", "slave");
                out.put("master_host", &primary.host);
                out.put("master_port", primary.port);
                self.link.info(out, config, self.offset(), now_ms);
            }
        }
        out.put("connected_slaves", self.replicas.len());
        let lag = config.min_replicas_max_lag;
        if config.min_replicas_to_write > 0 && lag > 0 {
            out.put("min_slaves_good_slaves", self.replicas.good(lag, now_ms));
        }
        for (number, replica) in self.replicas.iter().enumerate() {
            let (ip, port) = (&replica.ip, replica.port);
            let (state, offset) = (replica.phase.name(), replica.acked.unwrap_or(0));
            let lag = replica.lag_seconds(now_ms);
            out.put(
                &format!("slave{number}"),
                format_args!("ip={ip},port={port},state={state},offset={offset},lag={lag}"),
            );
        }
        out.put("master_failover_state", self.failover_state());
        out.put("master_replid", &self.replid);
        match &self.replid2 {
            Some(id) => out.put("master_replid2", id),
            None => out.put("master_replid2", "0".repeat(40)),
        }
        out.put("master_repl_offset", self.offset());
        match self.second_offset {
            Some(offset) => out.put("second_repl_offset", offset),
            None => out.put("second_repl_offset", -1),
        }
        self.backlog.info(out, config.repl_backlog_size);
    }

    /// Lines of section `stats` about how replicas were served.
    pub fn stats_info(&self, out: &mut Fields) {
        out.put("sync_full", self.counts.full);
        out.put("sync_partial_ok", self.counts.partial);
        out.put("sync_partial_err", self.counts.refused);
    }

    /// What ROLE answers.
    pub fn role(&self, reply: &mut Reply<'_>) {
        match &self.role {
            Role::Primary => {
                reply.array(3);
                reply.bulk(b"master");
                reply.int(self.offset() as i64);
                let online = || self.replicas.iter().filter(|it| it.phase == Phase::Online);
                reply.array(online().count());
                for replica in online() {
                    reply.array(3);
                    reply.bulk(replica.ip.as_bytes());
                    reply.bulk(replica.port.to_string().as_bytes());
                    reply.bulk(replica.acked.unwrap_or(0).to_string().as_bytes());
                }
            }
            Role::Replica(primary) => {
                reply.array(5);
                reply.bulk(b"slave");
                reply.bulk(primary.host.as_bytes());
                reply.int(i64::from(primary.port));
                self.link.role(reply, self.offset());
            }
        }
    }
}

impl Phase {
    /// As INFO names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waits | Self::Snapshot => "wait_bgsave",
            Self::Sending => "send_bulk",
            Self::Online => "online",
        }
    }
}
