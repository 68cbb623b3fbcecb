"""A data set of every type in every encoding, what servers hold of it, and which servers there are to compare."""

import os
import pathlib
import random
import shutil
import time

import resp
import servers

DATABASES = (0, 1, 9, 15)
BATCH = 500
# Versions of the RDB format that a server reads, by its name and the beginning of its version; what else there is
# it refuses. Valkey counts from 80 on, and knows of Redis's versions those before that.
READS_RDB = {
    "redis": (((7, 0), range(1, 11)), ((7, 2), range(1, 12)), ((8, 0), range(1, 13))),
    "valkey": (((7, 2), range(1, 12)), ((9, 0), (*range(1, 12), 80))),
}
# Versions that a server may be told to write.
RDB_VERSIONS = (9, 10, 11, 12, 80)
# What is compared of a stream's group, by default: all.
OF_GROUPS = ("name", "consumers", "pending", "last-delivered-id", "entries-read", "lag")
# What servers do not all have: a name, and a command that is unknown without it.
FEATURES = {"streams": "XADD", "field deadlines": "HPEXPIREAT", "functions": "FUNCTION"}


class Failed(Exception):
    """A file was not written or not loaded; the text says why."""


class Party:
    """A server that takes part: its command, and what was learned by starting it once."""

    def __init__(self, command):
        self.command = command
        with servers.Server(command) as server:
            connection = resp.Connection(server.port)
            self.name, self.version = servers.identify(connection)
            known = connection.call("COMMAND", "INFO", *FEATURES.values()).data
            self.features = {name for name, reply in zip(FEATURES, known) if reply.data}
            takes = (n for n in RDB_VERSIONS if not connection.call("CONFIG", "SET", "rdb-version", n).is_error())
            self.writes_rdb = set(takes)

    def __str__(self):
        return f"{self.name} {'.'.join(map(str, self.version))}"

    def reads_rdb(self):
        """The versions it reads; nothing if it reads all there are."""
        steps = READS_RDB.get(self.name, ())
        return next((versions for since, versions in reversed(steps) if self.version >= since), ())


class Fill:
    """The commands that make the data set, the same for a seed and a set of features."""

    def __init__(self, seed, features):
        self.rng = random.Random(seed)
        self.features = features
        self.deadline = (int(time.time()) + 36_000) * 1000 + 123

    def commands(self):
        for db in DATABASES:
            yield ("SELECT", db)
            yield from self.strings()
            if db in DATABASES[:2]:
                for part in (self.lists, self.sets, self.hashes, self.zsets):
                    yield from part()
                if "streams" in self.features:
                    yield from self.streams()
            yield from self.deadlines()
        yield ("SELECT", 0)
        if "functions" in self.features:
            code = "#!lua name=lib\nredis.register_function('f', function() return 1 end)"
            yield ("FUNCTION", "LOAD", "REPLACE", code)

    def after_rewrite(self):
        """Writes that come behind the base of an append-only file."""
        for db in DATABASES:
            yield ("SELECT", db)
            yield ("SET", "late", self.bytes(100), "PX", 36_000_000)
            yield ("APPEND", "str:bytes:64", "more")
            yield ("MULTI",)
            yield ("INCRBY", "late:counter", 7)
            yield ("RPUSH", "late:list", "a", self.bytes(10), "12")
            yield ("EXEC",)
            yield ("DEL", "str:int:127")
            yield ("PERSIST", "ttl:1")
        yield ("SELECT", 0)
        yield ("LPOP", "list:ints:129", 3)
        yield ("SPOP", "set:ints:512", 2)
        yield ("HDEL", "hash:small:128", "f1")
        yield ("ZINCRBY", "zset:small:128", "0.25", "m1")

    def bytes(self, length):
        return self.rng.randbytes(length)

    def text(self, length):
        """Compressible."""
        words = b"".join(self.rng.choice((b"larder ", b"pantry ", b"cellar ")) for _ in range(length // 7 + 1))
        return words[:length]

    def strings(self):
        edges = [0, 9, 10, 10_000]
        for bits in (6, 7, 8, 14, 15, 16, 31, 32, 63):
            edges += [2**bits - 1, -(2**bits), -(2**bits) - 1] + ([2**bits] if bits < 63 else [])
        for number in edges:
            yield ("SET", f"str:int:{number}", number)
        for other in ("", "00", "-0", "+1", " 1", "1.5", "9223372036854775808", "-9223372036854775809"):
            yield ("SET", f"str:nearly:{other}", other)
        for length in (1, 19, 20, 21, 44, 45, 63, 64, 65, 255, 256, 16_383, 16_384, 70_000):
            yield ("SET", f"str:bytes:{length}", self.bytes(length))
            yield ("SET", f"str:text:{length}", self.text(length))
            yield ("SET", f"str:same:{length}", b"\0" * length)
        for length in (0, 1, 63, 64, 300, 20_000):
            yield ("SET", b"\xff\0\r\n" * (length // 4) + b"k" * (length % 4), f"key of {length} bytes")
        yield ("SETRANGE", "str:bits", 5000, b"\x80")
        for count in (3, 2000, 20_000):
            for first in range(0, count, BATCH):
                yield ("PFADD", f"str:hll:{count}", *range(first, min(first + BATCH, count)))

    def elements(self, kind, count):
        """Elements all of one kind, all different."""
        if kind == "ints":
            return [n - count // 2 for n in range(count)]
        if kind == "wide":
            return [(n * 7919 + 1) * (2**40 if n % 2 else 1) for n in range(count)]
        if kind == "long":
            return [b"%d:" % n + self.text(70) for n in range(count)]
        if kind == "big":
            return [b"%d:" % n + self.bytes(9000) for n in range(count)]
        return [f"m{n}" for n in range(count)]

    def each(self, what, counts, kinds=("ints", "wide", "small", "long")):
        for kind in kinds:
            for count in counts:
                elements = self.elements(kind, count)
                for first in range(0, count, BATCH):
                    yield f"{what}:{kind}:{count}", elements[first : first + BATCH]

    def lists(self):
        for key, elements in self.each("list", (1, 2, 127, 128, 129, 600)):
            yield ("RPUSH", key, *elements)
        for key, elements in self.each("list", (1, 5), ("big",)):
            yield ("RPUSH", key, *elements)
        for length in (8191, 8192, 8193, 70_000):
            yield ("RPUSH", f"list:edge:{length}", "a", self.text(length), "", "7")

    def sets(self):
        for key, elements in self.each("set", (1, 127, 128, 129, 511, 512, 513)):
            yield ("SADD", key, *elements)
        for length in (64, 65):
            yield ("SADD", f"set:edge:{length}", "1", self.text(length), "")

    def hashes(self):
        for key, elements in self.each("hash", (1, 127, 128, 129, 512, 513), ("ints", "small", "long")):
            pairs = [(f"f{n}", element) for n, element in enumerate(elements)]
            yield ("HSET", key, *(text for pair in pairs for text in pair))
        for length in (64, 65):
            yield ("HSET", f"hash:edge:{length}", "f", self.text(length), "", "")
        if "field deadlines" in self.features:
            for key in ("hash:small:1", "hash:small:127", "hash:small:513", "hash:edge:65"):
                yield ("HPEXPIREAT", key, self.deadline, "FIELDS", 1, "f")
                yield ("HPEXPIREAT", key, self.deadline, "FIELDS", 2, "f0", "f5")
                yield ("HPEXPIREAT", key, self.deadline + 77, "FIELDS", 1, "f3")

    def zsets(self):
        for key, elements in self.each("zset", (1, 127, 128, 129, 600)):
            scored = [(n * 0.1 if n % 3 else n - 50, element) for n, element in enumerate(elements)]
            yield ("ZADD", key, *(text for score, element in scored for text in (repr(score), element)))
        odd = ("inf", "-inf", "1e300", "-1e-300", "0", "-0.0", "3.14159265358979", "9007199254740993", "17")
        for key, more in (("zset:odd", ()), ("zset:odd:long", ("1", self.text(65)))):
            pairs = [(score, f"m{score}") for score in odd]
            yield ("ZADD", key, *(text for pair in pairs for text in pair), *more)

    def streams(self):
        for count in (1, 99, 100, 101, 250):
            for n in range(count):
                same = ("temp", n, "unit", "C")
                yield ("XADD", f"stream:{count}", f"{1000 + n}-{n % 3}", *(same if n % 5 else (f"f{n}", self.bytes(20))))
        yield ("XDEL", "stream:101", "1050-2")
        yield ("XGROUP", "CREATE", "stream:101", "group", "0")
        yield ("XGROUP", "CREATE", "stream:101", "idle", "$")
        for consumer in ("alice", "bob"):
            yield ("XREADGROUP", "GROUP", "group", consumer, "COUNT", 7, "STREAMS", "stream:101", ">")
        yield ("XACK", "stream:101", "group", "1001-1")
        yield ("XADD", "stream:emptied", "5-1", "a", "b")
        yield ("XDEL", "stream:emptied", "5-1")

    def deadlines(self):
        for n in range(50):
            yield ("SET", f"ttl:{n}", n)
            yield ("PEXPIREAT", f"ttl:{n}", self.deadline + n)
        for key in ("list:small:129", "set:ints:512", "hash:small:129", "zset:small:129", "str:int:0"):
            yield ("PEXPIREAT", key, self.deadline)


def run(connection, commands):
    """Sends commands in batches; none may be refused."""
    batch = []

    def flush():
        connection.send(b"".join(resp.encode(command) for command in batch))
        for command in batch:
            reply = connection.read()
            if reply.is_error():
                raise Failed(f"{command[0]} {command[1] if len(command) > 1 else ''} was answered {reply.plain()}")
        batch.clear()

    for command in commands:
        batch.append(command)
        if len(batch) == BATCH:
            flush()
    flush()


class Digest:
    """What a server holds, in a form that can be compared: for each key type, value and deadline."""

    def __init__(self, connection, features, of_groups=OF_GROUPS):
        self.connection = connection
        self.features = features
        self.of_groups = {name.encode() for name in of_groups}
        self.keys = {}
        self.field_deadlines = []
        for db in self.databases():
            connection.call("SELECT", db)
            for key in self.all_keys():
                self.keys[db, key] = self.describe(key)
        if "functions" in features:
            for library in connection.call("FUNCTION", "LIST", "WITHCODE").data:
                self.keys["functions", library.data[1].data] = "library", "", repr(resp.render(library))

    def call(self, *args):
        return self.connection.call(*args)

    def databases(self):
        """Those that hold keys."""
        lines = self.call("INFO", "keyspace").plain().splitlines()
        return [int(line[2 : line.index(":")]) for line in lines if line.startswith("db")]

    def all_keys(self):
        cursor, keys = b"0", set()
        while True:
            cursor, found = (item.data for item in self.call("SCAN", cursor, "COUNT", 1000).data)
            keys.update(item.data for item in found)
            if cursor == b"0":
                return sorted(keys)

    def describe(self, key):
        kind = self.call("TYPE", key).data.decode()
        value = getattr(self, f"of_{kind}")(key)
        return kind, self.call("PEXPIRETIME", key).data.decode(), repr(value)

    def flat(self, *args):
        return [item.data for item in self.call(*args).data]

    def pairs(self, *args):
        flat = self.flat(*args)
        return list(zip(flat[::2], flat[1::2]))

    def of_none(self, key):
        """It expired while we looked."""

    def of_string(self, key):
        return self.call("GET", key).data

    def of_list(self, key):
        return self.flat("LRANGE", key, 0, -1)

    def of_set(self, key):
        return sorted(self.flat("SMEMBERS", key))

    def of_hash(self, key):
        pairs = sorted(self.pairs("HGETALL", key))
        if "field deadlines" not in self.features:
            return pairs
        fields = [field for field, _ in pairs]
        deadlines = self.flat("HPEXPIRETIME", key, "FIELDS", len(fields), *fields) if fields else []
        self.field_deadlines += map(int, deadlines)
        return pairs, deadlines

    def of_zset(self, key):
        """With scores as numbers: servers write them differently. Not all keep the sign of zero."""
        return [(member, float(score) or 0.0) for member, score in self.pairs("ZRANGE", key, 0, -1, "WITHSCORES")]

    def of_stream(self, key):
        parts = [self.call("XRANGE", key, "-", "+"), self.call("XINFO", "GROUPS", key)]
        for group in parts[1].data:
            name = group.data[1].data
            parts.append(self.call("XPENDING", key, name, "-", "+", 1000))
            facts = list(zip(group.data[::2], group.data[1::2]))
            group.data = [item for fact in facts if fact[0].data in self.of_groups for item in fact]
        facts = self.call("XINFO", "STREAM", key).data
        names = (b"length", b"last-generated-id", b"max-deleted-entry-id", b"entries-added")
        known = [(name.data, value.data) for name, value in zip(facts[::2], facts[1::2]) if name.data in names]
        # How long an entry has been pending grows while we look.
        for pending in parts[2:]:
            for entry in pending.data:
                entry.data.pop(2)
        return [resp.render(part) for part in parts], known

    def differences(self, other):
        """What differs, a line each."""
        lines = []
        for place in sorted(self.keys.keys() | other.keys.keys(), key=repr):
            mine, theirs = self.keys.get(place), other.keys.get(place)
            if mine != theirs:
                lines.append(f"{place[0]} {place[1]!r}: {difference(mine, theirs)}")
        return lines


def difference(mine, theirs):
    """In a line, where two descriptions of a key part."""
    if mine is None or theirs is None:
        return f"{mine and mine[0]} became {theirs and theirs[0]}"
    if mine[:2] != theirs[:2]:
        return f"{mine[:2]} became {theirs[:2]}"
    at = len(os.path.commonprefix((mine[2], theirs[2])))
    return f"{mine[0]} of {len(mine[2])}: …{mine[2][max(at - 10, 0):at + 40]}… became …{theirs[2][max(at - 10, 0):at + 40]}…"


def peers_here():
    root = pathlib.Path(os.environ.get("PEERS_ROOT") or pathlib.Path.home() / ".cache/larder/peers")
    found = [shutil.which("redis-server"), *map(str, (root / "bin/redis-server", root / "bin/valkey-server"))]
    return [command for command in found if command and os.path.exists(command)]
