//! The form in which the AOF and the replicas get what hash commands did.

use larder::testing::FedServer;

#[test]
fn what_needs_no_other_form_is_fed_as_it_came() {
    for lines in [
        &["HSET h a 1 b 2", "HMSET h a 1", "HSETNX h c 3", "HINCRBY h c 4", "HDEL h a nosuch"][..],
        &["HSET h a 1", "HPEXPIREAT h 33177117420000 FIELDS 1 a", "HPERSIST h FIELDS 1 a"],
        &["HSETEX h FIELDS 1 a 1", "HSETEX h KEEPTTL FIELDS 1 a 1"],
    ] {
        FedServer::check(&lines.iter().map(|line| (*line, *line)).collect::<Vec<_>>());
    }
}

#[test]
fn what_changes_nothing_is_not_fed() {
    FedServer::check(&[
        ("HSET h a 1", "HSET h a 1"),
        ("HSETNX h a 2", ""),
        ("HDEL h nosuch", ""),
        ("HDEL nosuch a", ""),
        ("HINCRBY h a x", ""),
        ("HEXPIRE h 10 XX FIELDS 2 a nosuch", ""),
        ("HEXPIRE nosuch 10 FIELDS 1 a", ""),
        ("HPERSIST h FIELDS 2 a nosuch", ""),
        ("HGETEX h FIELDS 1 a", ""),
        ("HGETEX h PERSIST FIELDS 1 a", ""),
        ("HGETEX h EX 10 FIELDS 1 nosuch", ""),
        ("HSETEX h FNX FIELDS 1 a 2", ""),
        ("HSETEX nosuch FXX FIELDS 1 a 2", ""),
        ("HSETEX nosuch XX FIELDS 1 a 2", ""),
        ("HGETDEL h FIELDS 1 nosuch", ""),
        ("HRANDFIELD h 2", ""),
    ]);
}

#[test]
fn a_sum_of_floats_is_fed_and_leaves_the_deadline() {
    FedServer::check(&[
        ("HINCRBYFLOAT h a 0.1", "HSET h a 0.1"),
        ("HINCRBYFLOAT h a 0.2", "HSET h a 0.3"),
        ("HPEXPIREAT h 33177117420000 FIELDS 1 a", "HPEXPIREAT h 33177117420000 FIELDS 1 a"),
        ("HINCRBYFLOAT h a 1", "HSETEX h KEEPTTL FIELDS 1 a 1.3"),
    ]);
}

#[test]
fn a_time_to_live_is_fed_as_the_deadline_it_came_to() {
    let mut f = FedServer::default();
    let now = f.server.server().now_ms();
    let at = |ms: u64| now + ms;
    f.run("HSET h a 1 b 2 c 3 d 4");
    assert_eq!(
        f.run("HEXPIRE h 10 NX FIELDS 3 a nosuch b"),
        format!("HPEXPIREAT h {} FIELDS 2 a b", at(10_000))
    );
    assert_eq!(
        f.run("HPEXPIRE h 20000 GT FIELDS 2 a c"),
        format!("HPEXPIREAT h {} FIELDS 1 a", at(20_000))
    );
    assert_eq!(
        f.run("HGETEX h PX 5000 FIELDS 2 b nosuch"),
        format!("HPEXPIREAT h {} FIELDS 1 b", at(5000))
    );
    assert_eq!(f.run("HGETEX h PERSIST FIELDS 2 b c"), "HPERSIST h FIELDS 1 b");
    assert_eq!(
        f.run("HSETEX h FXX EX 7 FIELDS 2 a 1 c 2"),
        format!("HSETEX h PXAT {} FIELDS 2 a 1 c 2", at(7000))
    );
    assert_eq!(f.run("HSETEX h XX FIELDS 1 a 3"), "HSETEX h FIELDS 1 a 3");
}

#[test]
fn fields_that_go_are_fed_as_removed() {
    let mut f = FedServer::default();
    f.run("HSET h a 1 b 2 c 3 d 4 e 5 f 6 g 7");
    assert_eq!(f.run("HEXPIRE h 0 FIELDS 2 a nosuch"), "HDEL h a");
    assert_eq!(f.run("HGETEX h PXAT 1 FIELDS 1 b"), "HDEL h b");
    assert_eq!(f.run("HSETEX h PXAT 1 FIELDS 2 c 1 new 1"), "HDEL h c new");
    assert_eq!(f.run("HGETDEL h FIELDS 2 d nosuch"), "HDEL h d");
    // Of two fields of a small hash with the same deadline the one that got it last goes first.
    f.run("HPEXPIRE h 100 FIELDS 2 e f");
    f.server.advance(100);
    assert_eq!(f.fed.take_words(), "HDEL h f e");
    f.run("HPEXPIRE h 100 FIELDS 1 g");
    f.server.advance(100);
    assert_eq!(f.fed.take_words(), "HDEL h g");
    assert_eq!(f.run("DEL h"), "", "it went with its last field");
}
