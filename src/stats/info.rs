//! INFO's lines about what was counted.

use super::{CommandStats, Rates, Stats, Totals};
use crate::spec::Table;
use crate::stdx::fields::Fields;

impl Stats {
    /// The totals that rates are taken of.
    pub fn totals(&self) -> Totals {
        Totals {
            commands: self.commands_processed,
            net_in: self.net_in,
            net_out: self.net_out,
            turns: self.turns,
            turn_nanos: self.turn_nanos,
        }
    }

    /// The buffers' extremes, lines of section `clients`.
    pub fn buffers_info(&self, out: &mut Fields) {
        out.put("client_recent_max_input_buffer", self.largest_input);
        out.put("client_recent_max_output_buffer", self.largest_output);
    }

    /// Connections, commands and traffic: the first part of section `stats`.
    pub fn traffic_info(&self, out: &mut Fields) {
        out.put("total_connections_received", self.connections);
        out.put("total_commands_processed", self.commands_processed);
        out.put("instantaneous_ops_per_sec", self.rates.commands());
        out.put("total_net_input_bytes", self.net_in);
        out.put("total_net_output_bytes", self.net_out);
        out.put("total_net_repl_input_bytes", self.repl_in);
        out.put("total_net_repl_output_bytes", self.repl_out);
        self.rates.info(out);
        out.put("rejected_connections", self.connections_rejected);
    }

    /// Errors, reads and writes: the last part of section `stats`.
    pub fn work_info(&self, out: &mut Fields) {
        out.put("unexpected_error_replies", self.unexpected_errors);
        out.put("total_error_replies", self.error_replies);
        out.put("dump_payload_sanitizations", 0);
        out.put("total_reads_processed", self.reads);
        out.put("total_writes_processed", self.writes);
        out.all(&["io_threaded_reads_processed", "io_threaded_writes_processed"], 0);
        out.put("client_query_buffer_limit_disconnections", self.query_limit_closed);
        out.put("client_output_buffer_limit_disconnections", self.output_limit_closed);
        out.all(&["reply_buffer_shrinks", "reply_buffer_expands"], 0);
        let command_nanos: u64 = self.commands.iter().map(|c| c.nanos).sum();
        out.put("eventloop_cycles", self.turns);
        out.put("eventloop_duration_sum", self.turn_nanos / 1000);
        out.put("eventloop_duration_cmd_sum", command_nanos / 1000);
        out.put("instantaneous_eventloop_cycles_per_sec", self.rates.turns());
        out.put("instantaneous_eventloop_duration_usec", self.rates.turn_us());
        out.put("acl_access_denied_auth", self.auth_denied);
        let none = ["acl_access_denied_cmd", "acl_access_denied_key", "acl_access_denied_channel"];
        out.all(&none, 0);
    }

    /// Lines of section `stats` about features that are off.
    pub fn absent_info(out: &mut Fields) {
        out.all(&["latest_fork_usec", "total_forks", "slave_expires_tracked_keys"], 0);
    }

    /// Section `commandstats`.
    pub fn commands_info(&self, out: &mut Fields, table: &Table) {
        for (name, of) in self.named(table).filter(|(_, of)| of.is_noted()) {
            let per_call = of.usec() as f64 / of.calls.max(1) as f64;
            let line = format_args!(
                "calls={},usec={},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
                of.calls,
                of.usec(),
                of.rejected,
                of.failed
            );
            out.put(&format!("cmdstat_{name}"), line);
        }
    }

    /// Section `errorstats`.
    pub fn errors_info(&self, out: &mut Fields) {
        for (code, count) in &self.errors {
            // Made-up codes (DEBUG ERROR, scripts) must not look like other lines.
            let code: String = code.chars().map(harmless).collect();
            out.put(&format!("errorstat_{code}"), format_args!("count={count}"));
        }
    }

    /// Section `latencystats`: the percentiles that the configuration names.
    pub fn latencies_info(&self, out: &mut Fields, table: &Table, percentiles: &[f64]) {
        for (name, of) in self.named(table) {
            let Some(histogram) = of.histogram() else { continue };
            let values: Vec<String> = percentiles
                .iter()
                .map(|p| {
                    let us = histogram.value_at_percentile(*p) as f64 / 1000.0;
                    format!("p{p}={us:.3}")
                })
                .collect();
            out.put(&format!("latency_percentiles_usec_{name}"), values.join(","));
        }
    }

    fn named<'a>(&'a self, table: &'a Table) -> impl Iterator<Item = (&'a str, &'a CommandStats)> {
        table.all().map(|(id, row)| (row.full_name.as_str(), self.of(id)))
    }
}

impl Rates {
    fn info(&self, out: &mut Fields) {
        let kilobytes = |bytes: u64| bytes as f64 / 1024.0;
        out.ratio("instantaneous_input_kbps", kilobytes(self.net_in()));
        out.ratio("instantaneous_output_kbps", kilobytes(self.net_out()));
        out.ratio("instantaneous_input_repl_kbps", 0.0);
        out.ratio("instantaneous_output_repl_kbps", 0.0);
    }
}

fn harmless(c: char) -> char {
    if matches!(c, '#' | ':' | '\r' | '\n') { '_' } else { c }
}
