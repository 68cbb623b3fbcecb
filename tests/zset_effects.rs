//! The form in which the AOF and the replicas get what sorted set commands did.

use larder::testing::FedServer;

/// Those lines that are fed as they came.
fn check_verbatim(lines: &[&str]) {
    FedServer::check(&lines.iter().map(|line| (*line, *line)).collect::<Vec<_>>());
}

#[test]
fn what_changes_one_key_is_fed_as_it_came() {
    check_verbatim(&[
        "ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g",
        "ZADD z INCR 1 a",
        "ZADD z NX CH 1 q",
        "ZINCRBY z 0.1 a",
        "ZREM z nosuch b",
        "ZPOPMIN z",
        "ZPOPMAX z 1",
        "ZREMRANGEBYRANK z 0 0",
        "ZREMRANGEBYSCORE z -inf (4",
        "ZRANGESTORE d z 0 -1",
        "ZUNIONSTORE d 1 z WEIGHTS 2",
        "ZINTERSTORE d 2 z d",
        "ZDIFFSTORE d 1 z",
        "ZDIFFSTORE d 1 nosuch",
        "ZREMRANGEBYLEX z - +",
    ]);
}

#[test]
fn what_changes_nothing_is_not_fed() {
    FedServer::check(&[
        ("ZADD z 1 a", "ZADD z 1 a"),
        ("ZADD z 1 a", ""),
        ("ZADD z XX 1 nosuch", ""),
        ("ZADD z NX 2 a", ""),
        ("ZADD z GT CH 0 a", ""),
        ("ZADD z LT INCR 5 a", ""),
        ("ZADD nosuch XX 1 a", ""),
        ("ZINCRBY z 0 a", ""),
        ("ZREM z nosuch", ""),
        ("ZREM nosuch a", ""),
        ("ZPOPMIN z 0", ""),
        ("ZPOPMIN nosuch", ""),
        ("ZMPOP 2 nosuch nosuch2 MIN", ""),
        ("ZREMRANGEBYRANK z 10 20", ""),
        ("ZRANGESTORE nosuch z 10 20", ""),
        ("ZUNIONSTORE nosuch 1 nosuch", ""),
        ("ZRANGE z 0 -1", ""),
    ]);
}

#[test]
fn what_looks_at_several_keys_is_fed_as_the_pop_it_came_to() {
    FedServer::check(&[
        (
            "ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h 9 i",
            "ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h 9 i",
        ),
        ("ZMPOP 2 nosuch z MIN", "ZPOPMIN z 1"),
        ("ZMPOP 1 z MAX COUNT 2", "ZPOPMAX z 2"),
        ("BZPOPMIN nosuch z 0", "ZPOPMIN z"),
        ("BZPOPMAX z 0", "ZPOPMAX z"),
        ("BZMPOP 0 2 nosuch z MAX", "ZPOPMAX z 1"),
        ("BZMPOP 0 1 z MIN COUNT 100", "ZPOPMIN z 3"),
    ]);
}

#[test]
fn who_waited_is_fed_behind_who_filled_the_key() {
    let mut f = FedServer::default();
    let (first, second) = (f.server.connect(), f.server.connect());
    assert_eq!(f.run_as(first, "BZPOPMIN other z 0"), "");
    assert_eq!(f.run_as(second, "BZMPOP 0 1 z MAX COUNT 3"), "");
    assert_eq!(f.run("ZADD z 1 a"), "ZADD z 1 a; ZPOPMIN z");
    assert_eq!(f.run("ZADD z 1 x 2 y"), "ZADD z 1 x 2 y; ZPOPMAX z 2");
}

#[test]
fn places_are_fed_as_their_scores_behind_the_options_as_they_came() {
    FedServer::check(&[
        ("GEOADD g 13.361389 38.115556 a", "zadd g 3479099956230698 a"),
        ("GEOADD g xx CH 15.087269 37.502669 a", "zadd g xx CH 3479447370796909 a"),
        ("GEOADD g ch 15.087269 37.502669 a", ""),
    ]);
}
