//! What set commands cause beside their replies: the events that subscribers hear, and the form in
//! which the AOF and the replicas get them.

use larder::testing::FedServer;

#[test]
fn changes_are_told_and_fed_as_received_and_nothing_else_is() {
    FedServer::check_told(
        &[],
        &[
            ("SADD s a b", "new sadd", "SADD s a b"),
            ("SADD s a", "", ""),
            ("SADD s a c", "sadd", "SADD s a c"),
            ("SREM s x", "", ""),
            ("SREM s x a", "srem", "SREM s x a"),
            ("SMOVE s t x", "", ""),
            ("SMOVE s s b", "", ""),
            ("SMOVE s t b", "srem new sadd", "SMOVE s t b"),
            ("SADD s b", "sadd", "SADD s b"),
            ("SMOVE s t b", "srem", "SMOVE s t b"),
            ("SMOVE s t c", "srem del sadd", "SMOVE s t c"),
            ("SREM t b c", "srem del", "SREM t b c"),
        ],
    );
}

#[test]
fn stored_results_are_told_as_such_and_empty_ones_as_removals() {
    FedServer::check_told(
        &[],
        &[
            ("SADD s a b", "new sadd", "SADD s a b"),
            ("SUNIONSTORE d s none", "keymiss new sunionstore", "SUNIONSTORE d s none"),
            ("SINTERSTORE d s s", "sinterstore", "SINTERSTORE d s s"),
            ("SDIFFSTORE d s", "sdiffstore", "SDIFFSTORE d s"),
            ("SDIFFSTORE d s s", "del", "SDIFFSTORE d s s"),
            ("SDIFFSTORE d s s", "", ""),
            ("SINTER s s", "", ""),
            ("SUNIONCARD 1 s", "", ""),
        ],
    );
}

#[test]
fn a_pop_is_fed_as_the_removal_of_what_came() {
    FedServer::check_told(
        &[],
        &[
            ("SADD s a", "new sadd", "SADD s a"),
            ("SPOP s", "spop del", "SREM s a"),
            ("SPOP s", "", ""),
            ("SPOP s 3", "", ""),
            ("SADD s a b", "new sadd", "SADD s a b"),
            ("SPOP s 0", "", ""),
            ("SPOP s 2", "spop del", "DEL s"),
            ("CONFIG SET lazyfree-lazy-server-del yes", "", ""),
            ("SADD s a b", "new sadd", "SADD s a b"),
            ("SPOP s 3", "spop del", "UNLINK s"),
        ],
    );
}

#[test]
fn a_pop_of_thousands_is_fed_in_batches_that_name_each_member_once() {
    let mut f = FedServer::default();
    let members: Vec<_> = (0..4000).map(|n| format!("member:{n}")).collect();
    f.run_told(&format!("SADD s {}", members.join(" ")));
    for (count, batches) in [(2500, 3), (1400, 2)] {
        let (events, fed) = f.run_told(&format!("SPOP s {count}"));
        assert_eq!(events, "spop");
        // Several commands are one transaction.
        let fed: Vec<_> = fed.split("; ").filter(|op| !["MULTI", "EXEC"].contains(op)).collect();
        assert_eq!(fed.len(), batches);
        let named: std::collections::BTreeSet<_> =
            fed.iter().flat_map(|srem| srem.strip_prefix("SREM s ").unwrap().split(' ')).collect();
        assert_eq!(named.len(), count, "every member once");
    }
}
