//! The form in which the AOF and the replicas get list commands: those that wait, or choose between
//! keys, as what they came to.

use larder::testing::FedServer;

/// Lets a new client wait with each of `waits`; then `filler` must feed this.
fn check_served(waits: &[&str], filler: &str, fed: &str) {
    let mut f = FedServer::default();
    for line in waits {
        let client = f.server.connect();
        assert_eq!(f.run_as(client, line), "", "{line}");
    }
    assert_eq!(f.run(filler), fed, "{filler}");
}

#[test]
fn what_changed_something_is_fed_as_it_came() {
    FedServer::check(&[
        ("RPUSH l a b c d e f", "RPUSH l a b c d e f"),
        ("LPUSHX nosuch a", ""),
        ("LPOP l", "LPOP l"),
        ("RPOP l 2", "RPOP l 2"),
        ("LPOP l 0", ""),
        ("LSET l 0 q", "LSET l 0 q"),
        ("LINSERT l AFTER q r", "LINSERT l AFTER q r"),
        ("LINSERT l AFTER nosuch r", ""),
        ("LREM l 0 r", "LREM l 0 r"),
        ("LREM l 0 r", ""),
        ("LTRIM l 1 -1", "LTRIM l 1 -1"),
        ("LTRIM l 0 -1", ""),
        ("LMOVE l m LEFT RIGHT", "LMOVE l m LEFT RIGHT"),
        ("LMOVE m m LEFT RIGHT", "LMOVE m m LEFT RIGHT"),
        ("RPOPLPUSH m l", "RPOPLPUSH m l"),
        ("RPOPLPUSH nosuch l", ""),
        ("LMOVEM l m LEFT LEFT COUNT 9 OBO", "LMOVEM l m LEFT LEFT COUNT 9 OBO"),
        ("LMOVEM m l LEFT LEFT EXACTLY 9 OBO", ""),
    ]);
}

#[test]
fn a_choice_of_keys_is_fed_as_the_pop_it_came_to() {
    FedServer::check(&[
        ("RPUSH l a b c d e", "RPUSH l a b c d e"),
        ("LMPOP 2 nosuch l LEFT COUNT 2", "LPOP l 2"),
        ("LMPOP 1 l RIGHT", "RPOP l 1"),
        ("LMPOP 1 nosuch LEFT", ""),
        ("BLMPOP 0 2 nosuch l RIGHT COUNT 9", "RPOP l 2"),
    ]);
}

#[test]
fn what_need_not_wait_is_fed_as_its_plain_twin() {
    FedServer::check(&[
        ("RPUSH l a b c d e f", "RPUSH l a b c d e f"),
        ("BLPOP nosuch l 0", "LPOP l"),
        ("BRPOP l 0", "RPOP l"),
        ("BLMOVE l m LEFT RIGHT 0", "LMOVE l m LEFT RIGHT"),
        ("BRPOPLPUSH l m 0", "RPOPLPUSH l m"),
        ("BLMOVEM l m LEFT RIGHT 0", "LMOVEM l m LEFT RIGHT"),
        ("BLMOVEM m l LEFT RIGHT 0 EXACTLY 2 OBO", "LMOVEM m l LEFT RIGHT EXACTLY 2 OBO"),
    ]);
}

#[test]
fn who_waited_is_fed_after_what_served_it() {
    let served = |wait, fed| check_served(&[wait], "RPUSH l a b", fed);
    served("BLPOP x l 0", "RPUSH l a b; LPOP l");
    served("BRPOP x l 0", "RPUSH l a b; RPOP l");
    served("BLMOVE l m LEFT RIGHT 0", "RPUSH l a b; LMOVE l m LEFT RIGHT");
    served("BRPOPLPUSH l m 0", "RPUSH l a b; RPOPLPUSH l m");
    served("BLMPOP 0 2 x l RIGHT COUNT 9", "RPUSH l a b; RPOP l 2");
    served(
        "BLMOVEM l m LEFT LEFT 0 EXACTLY 2 BULK",
        "RPUSH l a b; LMOVEM l m LEFT LEFT EXACTLY 2 BULK",
    );
}

#[test]
fn a_chain_of_waits_is_fed_in_the_order_of_service() {
    check_served(
        &["BLPOP m 0", "BLMOVE l m LEFT RIGHT 0"],
        "RPUSH l a",
        "RPUSH l a; LMOVE l m LEFT RIGHT; LPOP m",
    );
}
