//! What clients see of each other, of time, and through the `redis` crate.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::harness::{Client, Server, encode, eventually, start};

#[test]
fn a_monitor_sees_what_others_run() {
    let server = start(&[]);
    let (mut monitor, mut client) = (server.connect(), server.connect());
    assert_eq!(monitor.ask("MONITOR"), "OK");
    client.ask("SELECT 3");
    client.send(encode(&[b"SET", b"a key", b"\x00\r\n\"\xff"]));
    client.read();
    client.ask("AUTH user secret");
    let info = client.ask("CLIENT INFO");
    let address = info.split(' ').find_map(|field| field.strip_prefix("addr=")).unwrap();
    assert!(monitor.read().ends_with(r#" "SELECT" "3""#));
    let line = monitor.read();
    let (time, rest) = line.split_once(' ').unwrap();
    let (seconds, micros) = time.split_once('.').unwrap();
    assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000 && micros.len() == 6, "{time}");
    assert_eq!(rest, format!(r#"[3 {address}] "SET" "a key" "\x00\r\n\"\xff""#));
    let shown = monitor.read();
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn a_write_pause_holds_writes_until_it_is_lifted() {
    let server = start(&[]);
    let [mut control, mut reader, mut writer] = [(); 3].map(|()| server.connect());
    assert_eq!(control.ask("SET k before"), "OK");
    assert_eq!(control.ask("CLIENT PAUSE 1000000 WRITE"), "OK");
    writer.send("SET k after\r\nGET k\r\n");
    eventually("the writer waits", || control.info("blocked_clients") == "1");
    assert_eq!(reader.ask("GET k"), "before");
    assert_eq!(control.ask("CLIENT UNPAUSE"), "OK");
    assert_eq!([writer.read(), writer.read()], ["OK", "after"]);
}

#[test]
fn a_pause_ends_by_itself() {
    const MS: u64 = 300;
    let server = start(&[]);
    let (mut control, mut writer) = (server.connect(), server.connect());
    let began = Instant::now();
    assert_eq!(control.ask(&format!("CLIENT PAUSE {MS} ALL")), "OK");
    assert_eq!(writer.ask("SET k v"), "OK");
    assert!(began.elapsed() >= Duration::from_millis(MS));
}

#[test]
fn nothing_expires_during_a_pause() {
    let server = start(&[]);
    let mut client = server.connect();
    client.send("MULTI\r\nSET k v PX 1\r\nCLIENT PAUSE 1000000 WRITE\r\nEXEC\r\n");
    let replies = [(); 4].map(|()| client.read());
    assert_eq!(replies, ["OK", "QUEUED", "QUEUED", "OK OK"]);
    eventually("its time is over", || client.ask("GET k") == "(nil)");
    assert_eq!(client.ask("DBSIZE"), "1");
    assert_eq!(client.ask("CLIENT UNPAUSE"), "OK");
    eventually("it is gone", || client.ask("DBSIZE") == "0");
}

#[test]
fn client_kill_ends_an_idle_client() {
    let server = start(&[]);
    let (mut client, mut idle) = (server.connect(), server.connect());
    let id = idle.ask("CLIENT ID");
    assert_eq!(client.ask(&format!("CLIENT KILL ID {id}")), "1");
    assert_eq!(idle.rest(), b"");
    assert_eq!(client.ask(&format!("CLIENT KILL ID {id}")), "0");
}

/// The arguments that are complete are told apart from the input that was not parsed.
#[test]
fn client_list_tells_what_of_a_command_has_come() {
    let server = start(&[]);
    let mut client = server.connect();
    let mut shows = |input: &[u8], fields: &str| {
        let mut sender = server.connect();
        let id = sender.ask("CLIENT ID");
        sender.send(input);
        eventually(fields, || {
            let line = client.ask(&format!("CLIENT LIST ID {id}"));
            fields.split(' ').all(|field| line.split(' ').any(|shown| shown == field))
        });
    };
    shows(b"*3\r\n$3\r\nSET\r\n$4\r\nname\r\n$9\r\nval", "qbuf=3 argv-mem=7");
    shows(b"*3\r\n$3\r\nSET\r\n", "qbuf=0 argv-mem=3");
    let first = [b"*3\r\n$3\r\nSET\r\n$70000\r\n", &[b'x'; 70_000][..], b"\r\n"].concat();
    shows(&first, "qbuf=0 argv-mem=70003");
    let second = [&first, b"$80000\r\n".as_slice(), &[b'y'; 1000]].concat();
    shows(&second, "qbuf=1000 argv-mem=70003");
    shows(b"BLPOP nothing 0\r\nPING\r\nPI", "qbuf=8 argv-mem=13 cmd=blpop");
}

#[test]
fn a_client_that_kills_itself_gets_the_answer() {
    let server = start(&[]);
    let mut client = server.connect();
    let id = client.ask("CLIENT ID");
    client.send(format!("CLIENT KILL ID {id} SKIPME no\r\nPING\r\n"));
    assert_eq!(client.rest(), b":1\r\n");
}

#[test]
fn a_flush_empties_the_database_at_once() {
    const KEYS: usize = 200_000;
    let server = start(&[]);
    let mut client = server.connect();
    for how in ["FLUSHALL SYNC", "FLUSHALL ASYNC", "FLUSHDB SYNC", "FLUSHDB ASYNC"] {
        fill(&mut client, KEYS, |i| encode(&[b"SET", format!("key:{i}").as_bytes(), b"value"]));
        assert_eq!(client.ask("DBSIZE"), KEYS.to_string());
        client.send(format!("{how}\r\nDBSIZE\r\n"));
        assert_eq!([client.read(), client.read()], ["OK", "0"], "{how}");
    }
}

/// Sends `count` commands, and reads as many OKs.
#[track_caller]
fn fill(client: &mut Client, count: usize, command: impl Fn(usize) -> Vec<u8>) {
    for first in (0..count).step_by(10_000) {
        let some = first..count.min(first + 10_000);
        client.send(some.clone().flat_map(&command).collect::<Vec<_>>());
        assert_eq!(client.exactly(5 * some.len()), b"+OK\r\n".repeat(some.len()));
    }
}

#[test]
fn keys_go_at_their_deadline_among_many_with_later_ones() {
    const LATER: usize = 50_000;
    const DUE: usize = 2_000;
    let server = start(&[]);
    let mut client = server.connect();
    fill(&mut client, LATER, |i| {
        encode(&[b"SET", format!("later:{i}").as_bytes(), b"v", b"EX", b"100000"])
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let deadline = (now.as_millis() + 2_000).to_string();
    fill(&mut client, DUE, |i| {
        encode(&[b"SET", format!("due:{i}").as_bytes(), b"v", b"PXAT", deadline.as_bytes()])
    });
    eventually("all are gone", || client.info("expired_keys") == DUE.to_string());
    assert!(SystemTime::now().duration_since(UNIX_EPOCH).unwrap() > now + Duration::from_secs(2));
    assert_eq!(client.ask("DBSIZE"), LATER.to_string());
    assert!(client.info("db0").starts_with(&format!("keys={LATER},expires={LATER},")));
}

/// Runs `work` with a connection of the `redis` crate.
fn with_crate<F: Future<Output = redis::RedisResult<()>>>(
    server: &Server,
    query: &str,
    work: impl FnOnce(redis::aio::MultiplexedConnection) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("redis://127.0.0.1:{}/{query}", server.port());
    runtime.block_on(async {
        let client = redis::Client::open(url).unwrap();
        // However slow the machine is.
        let patient = redis::AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&patient);
        let connection = connection.await.unwrap();
        work(connection).await.unwrap();
    });
}

#[test]
fn the_redis_crate_speaks_resp3() {
    let server = start(&[]);
    with_crate(&server, "2?protocol=resp3", |mut connection| async move {
        let hello: redis::Value = redis::cmd("HELLO").query_async(&mut connection).await?;
        assert!(matches!(hello, redis::Value::Map(_)), "{hello:?}");
        let config: redis::Value =
            redis::cmd("CONFIG").arg("GET").arg("port").query_async(&mut connection).await?;
        assert!(matches!(config, redis::Value::Map(_)), "{config:?}");
        let info: String = redis::cmd("CLIENT").arg("INFO").query_async(&mut connection).await?;
        assert!(info.contains(" db=2 ") && info.contains(" resp=3 "), "{info}");
        let missing: Option<String> =
            redis::cmd("GET").arg("missing").query_async(&mut connection).await?;
        assert_eq!(missing, None);
        Ok(())
    });
}

#[test]
fn the_redis_crate_pipelines() {
    let server = start(&[]);
    with_crate(&server, "", |mut connection| async move {
        let mut pipe = redis::pipe();
        for i in 0..10_000 {
            pipe.cmd("SET").arg(format!("key:{i}")).arg(i).ignore();
            pipe.cmd("GET").arg(format!("key:{i}"));
        }
        let values: Vec<i64> = pipe.query_async(&mut connection).await?;
        assert!(values.iter().copied().eq(0..10_000));
        Ok(())
    });
}

#[test]
fn the_redis_crate_runs_transactions() {
    let server = start(&[]);
    with_crate(&server, "?protocol=resp3", |mut connection| async move {
        let mut pipe = redis::pipe();
        pipe.atomic().cmd("SET").arg("n").arg(41).ignore().cmd("INCR").arg("n");
        let (n,): (i64,) = pipe.query_async(&mut connection).await?;
        assert_eq!(n, 42);
        Ok(())
    });
}
