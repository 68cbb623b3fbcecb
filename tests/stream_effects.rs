//! What the newer stream commands cause beside their replies: the events that subscribers hear, and the form
//! in which the AOF and the replicas get them.

use larder::testing::FedServer;

#[test]
fn removals_with_references_are_told_once_and_fed_if_anything_changed() {
    FedServer::check_told(
        &[],
        &[
            ("XADD s 1-1 a 1", "new xadd", "XADD s 1-1 a 1"),
            ("XADD s 1-2 a 2", "xadd", "XADD s 1-2 a 2"),
            ("XADD s 1-3 a 3", "xadd", "XADD s 1-3 a 3"),
            ("XGROUP CREATE s g 0", "xgroup-create", "XGROUP CREATE s g 0"),
            ("XGROUP CREATECONSUMER s g c", "xgroup-createconsumer", "XGROUP CREATECONSUMER s g c"),
            ("XDELEX s ACKED IDS 1 1-1", "", ""),
            (CLAIM, "", &format!("{CLAIM} LASTID 0-0")),
            ("XNACK s g FAIL IDS 2 1-2 9-9", "", ""),
            ("XNACK s g SILENT IDS 1 1-1", "", "XNACK s g SILENT IDS 1 1-1"),
            ("XACKDEL s g ACKED IDS 1 1-2", "", ""),
            ("XACKDEL s g IDS 1 1-1", "xdel", "XACKDEL s g IDS 1 1-1"),
            ("XDELEX s DELREF IDS 2 1-1 1-2", "xdel", "XDELEX s DELREF IDS 2 1-1 1-2"),
            ("XTRIM s MAXLEN 0 ACKED", "", ""),
            ("XTRIM s DELREF MAXLEN 0", "xtrim", "XTRIM s DELREF MAXLEN 0"),
        ],
    );
}

const CLAIM: &str = "XCLAIM s g c 0 1-1 TIME 5 RETRYCOUNT 2 FORCE JUSTID";

#[test]
fn an_approximate_trim_by_what_was_acknowledged_is_fed_as_the_number_left() {
    FedServer::check_told(
        &[],
        &[
            ("CONFIG SET stream-node-max-entries 2", "", ""),
            ("XADD s 1-1 a 1", "new xadd", "XADD s 1-1 a 1"),
            ("XADD s 1-2 a 2", "xadd", "XADD s 1-2 a 2"),
            ("XADD s 1-3 a 3", "xadd", "XADD s 1-3 a 3"),
            ("XGROUP CREATE s g $", "xgroup-create", "XGROUP CREATE s g $"),
            ("XGROUP CREATECONSUMER s g c", "xgroup-createconsumer", "XGROUP CREATECONSUMER s g c"),
            (CLAIM, "", &format!("{CLAIM} LASTID 1-3")),
            ("XTRIM s MINID ~ 1-3 ACKED LIMIT 0", "xtrim", "XTRIM s MAXLEN = 2 ACKED"),
        ],
    );
}

#[test]
fn a_named_entry_is_fed_with_its_id_and_its_name_apart() {
    let mut f = FedServer::default();
    let (events, fed) = f.run_told("XADD s MAXLEN ~ 9 LIMIT 5 IDMP p i DELREF * a 1");
    assert_eq!(events, "new xadd");
    let fed: Vec<_> = fed.split("; ").collect();
    let id = fed[1].strip_prefix("XADD s MAXLEN = 1 DELREF ").unwrap().split(' ').next().unwrap();
    let add = format!("XADD s MAXLEN = 1 DELREF {id} a 1");
    let record = format!("XIDMPRECORD s p i {id}");
    assert_eq!(fed, ["MULTI", &*add, &*record, "EXEC"]);
    assert_eq!(f.run_told("XADD s IDMP p i * a 2"), (String::new(), String::new()));
    let set = "XCFGSET s IDMP-DURATION 7";
    assert_eq!(f.run_told(set), (String::new(), set.to_owned()));
}

#[test]
fn what_a_group_gives_out_is_fed_with_its_last_id_and_makes_the_consumer() {
    const GIVEN: &str = "TIME 1700000000000 RETRYCOUNT 1 FORCE JUSTID LASTID 1-1";
    let read =
        format!("MULTI; XCLAIM s g c 0 1-1 {GIVEN}; XGROUP SETID s g 1-1 ENTRIESREAD 1; EXEC");
    // It pended with the one who had it, and is taken from him.
    let gone = format!("MULTI; XGROUP CREATECONSUMER s g e; XCLAIM s g c 0 1-1 {GIVEN}; EXEC");
    let new = "xgroup-createconsumer";
    FedServer::check_told(
        &["XADD s 1-1 a 1", "XADD s 1-2 a 2", "XGROUP CREATE s g 0"],
        &[
            ("XREADGROUP GROUP g c COUNT 1 STREAMS s >", new, &read),
            ("XREADGROUP GROUP g d STREAMS s 0", new, "XGROUP CREATECONSUMER s g d"),
            ("XCLAIM s g c 0 9-9 LASTID 1-1", "", ""),
            ("XDEL s 1-1", "xdel", "XDEL s 1-1"),
            ("XCLAIM s g e 0 1-1", new, &gone),
            ("XCLAIM s g e 0 1-1 LASTID 1-2", "", "XGROUP SETID s g 1-2 ENTRIESREAD 1"),
        ],
    );
}
