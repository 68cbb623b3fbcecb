"""Random commands, made from what COMMAND DOCS says of their arguments.

A sequence is a list of steps `(client, words)`. A client is a name; one that begins with `@` is none: it asks the runner for
something that takes more than one command (scripts/compare-commands says what). Few keys and few elements are used, so
that commands meet what others left.
"""

import hashlib
import re

KEYS = {
    "string": (b"s1", b"s2", b"s3", b"n1", b"n2"),
    "bitmap": (b"s1", b"b1", b"b2"),
    "hash": (b"h1", b"h2", b"h3"),
    "list": (b"l1", b"l2", b"l3"),
    "set": (b"e1", b"e2", b"e3"),
    "sorted-set": (b"z1", b"z2", b"z3"),
    "geo": (b"g1", b"g2", b"z1"),
    "hyperloglog": (b"p1", b"p2", b"p3", b"s1"),
    "stream": (b"x1", b"x2"),
}
EVERY_KEY = tuple(sorted({key for keys in KEYS.values() for key in keys})) + (b"missing",)
SMALL = tuple(b"%d" % n for n in range(-4, 13))
I64 = (b"9223372036854775807", b"-9223372036854775808", b"9223372036854775806", b"9223372036854775808", b"-9223372036854775809")
ODD_INTEGERS = I64 + (
    b"", b" 1", b"1 ", b"+1", b"01", b"-0", b"00", b"1.0", b"1e3", b"abc", b"0x10", b"2147483647", b"2147483648", b"-2147483648",
    b"4611686018427387904", b"18446744073709551615", b"18446744073709551616", b"-1", b"0", b"1\x00",
)  # fmt: skip
DOUBLES = (
    b"0", b"1", b"2", b"3", b"-1", b"1.5", b"2.25", b"-0.0", b"0.1", b"3.14159265358979", b"1e10", b"100", b"-7.125", b"17179869184",
)  # fmt: skip
ODD_DOUBLES = I64 + (
    b"inf", b"-inf", b"+inf", b"nan", b"1e308", b"-1e308", b"1.7e308", b"1e309", b"5e-324", b"1e-400", b"0x1p3", b" 1.5", b"1.5 ", b"",
    b"+1.5", b".5", b"5.", b"01.50", b"1e", b"abc", b"infinity", b"(1", b"1.0000000000000002", b"123456789012345678901234567890", b"1,5",
)  # fmt: skip
WORDS = (
    b"a", b"b", b"c", b"foo", b"bar", b"hello", b"a1", b"Zebra", b"1", b"2", b"10", b"-5", b"007", b"1.5", b"", b"\xff\x00\r\n", b"x" * 9,
    b"y" * 45, b"z" * 65, b"w" * 300, b"9223372036854775807", b"127", b"128", b"32768", b"2147483648", b"\xc3\xa9", b"a b", b"{a}", b"*",
)  # fmt: skip
PATTERNS = (b"*", b"a*", b"?", b"[a-c]*", b"[^a]*", b"s?", b"*1", b"h*", b"", b"\\*", b"[", b"a[", b"[z-a]", b"foo", b"*[12]", b"[a", b"\\")
STREAM_IDS = (
    b"1-1", b"1-2", b"2", b"2-0", b"3-*", b"5-5", b"7-1", b"9", b"10-1", b"12-0", b"15-3", b"20-1", b"30-1", b"0", b"0-0", b"0-1",
)  # fmt: skip
ODD_STREAM_IDS = (
    b"-", b"+", b"$", b">", b"(1-1", b"(5", b"(+", b"*", b"1-", b"-1", b"1-1-1", b"abc", b"18446744073709551615-18446744073709551615",
    b"18446744073709551615", b"18446744073709551616", b"99-18446744073709551615", b"", b"01-1", b"1-01", b"40-*", b"(", b"(-",
)  # fmt: skip
LEX = (b"-", b"+", b"[a", b"(a", b"[foo", b"(z", b"[", b"(", b"a", b"", b"[bar", b"[\xff")
SCORES = (b"-inf", b"+inf", b"0", b"(1", b"1", b"(3", b"5", b"(inf", b"nan", b"(nan", b"abc", b"(", b"", b"1e3", b"-1", b"(-1", b"[1", b"+")
ENCODINGS = (b"u8", b"i8", b"u1", b"i5", b"u63", b"i64", b"u16", b"i16", b"i32", b"u4", b"i1", b"u64", b"i65", b"u0", b"x8", b"i", b"i08", b"u+8")
BIT_OFFSETS = (b"0", b"1", b"7", b"8", b"#0", b"#1", b"#3", b"15", b"100", b"1000", b"-1", b"#-1", b"abc", b"#", b"")
FAR_S, PAST_S = (2_222_222_222, 3_333_333_333, 9_999_999_999), (1, 1_000_000_000)

ECHOES = (
    b"return {1,2,{3,'x'},false,true,nil,4}",
    b"return 3.99",
    b"return -1.5",
    b"return {double=3.5}",
    b"return {double=1e300}",
    b"return {double=-1/0}",
    b"return {map={a=1}}",
    b"return {set={a=true}}",
    b"return {big_number='12345678901234567890'}",
    b"return {big_number='12\\r\\n3'}",
    b"return {verbatim_string={format='txt',string='hi'}}",
    b"return {ok='fine'}",
    b"return {err='bad'}",
    b"return {err='My Err text'}",
    b"return redis.error_reply('bad thing')",
    b"return redis.error_reply('-BAD thing')",
    b"return redis.error_reply('-BAD\\r\\nthing')",
    b"return redis.status_reply('well\\r\\nthen')",
    b"return {err='My Err', ignore=1}",
    b"redis.setresp(3) return {double=3.5}",
    b"redis.setresp(3) return redis.call('HGETALL','h1')",
    b"redis.setresp(3) return redis.call('ZSCORE','z1','a')",
    b"redis.setresp(3) return type(redis.call('ZRANGE','z1',0,-1,'WITHSCORES')[1])",
    b"redis.setresp(3) local m = redis.call('CONFIG','GET','maxmemory') return m.map",
    b"redis.setresp(4) return 1",
    b"redis.setresp() return 1",
    b"return redis.sha1hex(ARGV[1])",
    b"return redis.sha1hex()",
    b"return tostring(tonumber(ARGV[1]))",
    b"return #ARGV",
    b"return KEYS",
    b"return ARGV",
    b"return {KEYS[1],ARGV[1],ARGV[2]}",
    b"return cjson.encode({1,2,3,a=1})",
    b"return cjson.encode(ARGV)",
    b"return cjson.encode({[1]=1,[2]='x',[4]=false})",
    b"return cjson.decode(ARGV[1])",
    b"return cjson.encode(cjson.decode('{\"a\":[],\"b\":{},\"c\":null,\"d\":1.5e3}'))",
    b"return cjson.encode(tonumber(ARGV[1]) or 'none')",
    b"return {cmsgpack.unpack(cmsgpack.pack(1,-1,1.5,'x',true,nil,{1,2},{a=1}))}",
    b"return cmsgpack.pack(ARGV)",
    b"return struct.pack('>I2BsLc0', 258, 7, ARGV[1] or '', 9, 'abc')",
    b"return {struct.unpack('<HbB', '\\1\\2\\255\\255')}",
    b"return bit.tohex(bit.bxor(tonumber(ARGV[1]) or 1, 255))",
    b"return {bit.band(-1,255),bit.lshift(1,31),bit.arshift(-8,1),bit.rol(1,33),bit.bswap(1)}",
    b"return foo",
    b"foo = 1",
    b"local function",
    b"error('custom')",
    b"error({err='custom table'})",
    b"error()",
    b"return redis.call()",
    b"return redis.call('nosuch')",
    b"return redis.call('GET')",
    b"return redis.call('GET',{})",
    b"return redis.call('SUBSCRIBE','x')",
    b"return redis.pcall('INCR','h1')",
    b"return redis.pcall('nosuch')['err']",
    b"return redis.call('INCR','h1')",
    b"local ok, e = pcall(redis.call,'INCR','h1') return {ok, type(e), type(e)=='table' and e.err or e}",
    b"local ok, e = pcall(error,'x') return {ok, e}",
    b"return redis.call('SET','s1',1.5)",
    b"return {redis.call('SET','s1',17), redis.call('GET','s1')}",
    b"return {redis.call('INCR','n1'), redis.call('LPUSH','l1','q'), redis.call('DEL','h1')}",
    b"redis.call('SET','n1','5') redis.call('INCR','n1') return redis.call('INCR','h2')",
    b"return redis.call('SELECT','1')",
    b"return redis.call('PING','x')",
    b"return {redis.LOG_DEBUG, redis.LOG_WARNING, redis.REPL_ALL, redis.REPL_NONE}",
    b"return redis.log(1,'x')",
    b"return redis.log(9,'x')",
    b"return redis.log('x')",
    b"return redis.replicate_commands()",
    b"return redis.set_repl(redis.REPL_ALL)",
    b"redis.set_repl(redis.REPL_NONE) redis.call('SET','s2','hidden') redis.set_repl(redis.REPL_ALL) return redis.call('SET','s3','seen')",
    b"return redis.set_repl(99)",
    b"return redis.breakpoint()",
    b"return type(redis.acl_check_cmd)",
    b"return redis.acl_check_cmd('SET','x','y')",
    b"return redis.acl_check_cmd('nosuch')",
    b"return string.format('%5.2f|%d|%s|%q|%x', 3.14159, 42, 'str', 'q', 255)",
    b"return tostring(1e15) .. tostring(2^53) .. tostring(0.1) .. tostring(-0)",
    b"return {string.byte('abc',1,-1)}",
    b"return {string.find('hello world','o w'), string.gsub('hello','l','L'), string.rep('ab',3)}",
    b"return table.concat({1,2,3},',') .. select('#',1,2)",
    b"local t = {3,1,2} table.sort(t) return t",
    b"return {math.floor(-1.5), math.max(1,2,3), math.huge > 1}",
    b"return loadstring('return 1+1')()",
    b"return {type(os.clock()), type(os.time), type(io), type(require), type(dofile), type(print)}",
    b"return _VERSION",
    b"_G.x = 1",
    b"setmetatable(_G, {}) return 1",
    b"getmetatable('').__index = nil return 1",
    b"redis.call = nil return 1",
    b"string.x = 1 return 1",
    b"#!lua flags=no-writes\nreturn redis.call('SET','s1','x')",
    b"#!lua flags=allow-oom\nreturn redis.call('SET','s1','x')",
    b"#!lua flags=nosuch\nreturn 1",
    b"#!lua name=x\nreturn 1",
    b"#!python\nreturn 1",
    b"#!lua\nreturn redis.call('GET','s1')",
    b"#!lua",
    b"return unpack({})",
    b"return 1, 2",
    b"",
    b"return",
    b"return function() end",
    b"return {1, {2, {3, {4, function() end}}}}",
    b"return {ok=1}",
    b"return {err=1}",
    b"return '\\0x\\0'",
    b"return 9007199254740993",
    b"return 1e30",
    b"return -1e30",
    b"return 0/0",
    b"return {1.9, -1.9, 1e18}",
    b"redis.call('MULTI') return 1",
    b"return redis.call('EVAL','return 1',0)",
    b"return redis.call('XADD','x1','NOMKSTREAM','100-1','a','b')",
    b"return redis.call('BLPOP','l1',0)",
    b"return redis.call('BLMOVE','l1','l2','LEFT','RIGHT',0)",
    b"return redis.call('BZPOPMIN','z1',0)",
    b"return redis.call('XREAD','BLOCK',0,'STREAMS','x1','$')",
    b"return redis.call('WAIT',0,0)",
    b"return #redis.call('SPOP','e1','100')",
    b"return redis.call('SORT','e1','ALPHA')",
    b"return #redis.call('KEYS','*')",
    b"return redis.call('SCAN','0','COUNT','1000')[1]",
    b"return redis.call('EXPIRE','s1','100')",
    b"return redis.call('PUBLISH','ch1','from script')",
    b"return redis.call('CONFIG','GET','maxmemory')",
    b"return redis.call('DEBUG','SLEEP','0')",
    b"return redis.call('OBJECT','ENCODING','s1')",
    b"return redis.call('MEMORY','USAGE','s1') ~= nil",
    b"return redis.call('FLUSHALL')",
    b"return {redis.call('TYPE','h1').ok, redis.call('TYPE','h1')}",
    b"return redis.call('geoadd','g1','13.361389','38.115556','Palermo')",
    b"return redis.call('lpop','missing')",
    b"return redis.call('lpop','missing') == false",
    b"redis.setresp(3) return redis.call('lpop','missing') == nil",
)  # fmt: skip
LIBRARIES = (
    b"#!lua name=lib1\nredis.register_function('f1', function(keys, args) return {keys, args} end)",
    b"#!lua name=lib1\nredis.register_function('f1', function(keys, args) return redis.call('SET', keys[1], args[1]) end)",
    b"#!lua name=lib2\nredis.register_function{function_name='f2', callback=function(keys, args) return redis.call(unpack(args)) end}",
    b"#!lua name=lib2\nredis.register_function{function_name='f2', callback=function() return redis.call('DBSIZE') end, flags={'no-writes'}, description='size'}",
    b"#!lua name=lib3\nlocal n = 0\nredis.register_function('f3', function() n = n + 1 return n end)",
    b"#!lua name=lib3\nredis.register_function('f3', 5)",
    b"#!lua name=lib3\nredis.register_function('f 3', function() end)",
    b"#!lua name=lib3\nreturn redis.call('PING')",
    b"#!lua name=lib-bad\nredis.register_function('f3', function() end)",
    b"#!lua name=lib4",
    b"#!lua name=lib4\nredis.register_function{function_name='f4', callback=function() end, flags={'nosuch'}}",
    b"#!lua name=lib4\nredis.register_function('f4', function() end, 1)",
    b"#!lua name=lib4\nredis.register_function{function_name='f4', callback=function() end, x=1}",
    b"#!lua name=lib4\nredis.register_function('f4', function() end) redis.register_function('f4', function() end)",
    b"#!lua name=lib5\nredis.register_function('f1', function() return 5 end)",
    b"#!lua name=lib4\nlocal function",
    b"#!lua name=lib4\nfoo()",
    b"#!lua name=lib4 name=lib5\nreturn 1",
    b"#!lua nosuch=1 name=lib4\nreturn 1",
    b"#!lua\nreturn 1",
    b"#!js name=lib4\nreturn 1",
    b"return 1",
    b"",
    b"#!lua name=lib4\nerror('x')",
    b"#!lua name=lib4\nx = 1",
    b"#!lua name=lib4\nredis.register_function('f4', function(k, a) error({err='ERR mine'}) end)",
)  # fmt: skip
WRAPPERS = (
    b"return redis.call(unpack(ARGV))",
    b"return redis.pcall(unpack(ARGV))",
    b"redis.setresp(3) return redis.call(unpack(ARGV))",
    b"local r = redis.pcall(unpack(ARGV)) return r",
)
SCRIPTS = ECHOES + WRAPPERS
# Commands that stop, slow, wait, draw lots, speak of the machine, or open what the runner cannot follow.
NEVER = set(
    "shutdown debug replicaof slaveof failover sync psync monitor quit save bgsave bgrewriteaof lastsave info lolwut time role migrate"
    " replconf module latency slowlog commandlog subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe client config acl"
    " restore-asking pfdebug pfselftest cluster memory wait waitaof reset hello auth command multi exec discard watch spop readonly"
    " readwrite asking randomkey srandmember hrandfield zrandmember swapdb".split()
)
# What is worth a chance beside the table, each as the family it belongs to and its words.
BESIDE = {
    "connection": (
        "CLIENT GETNAME", "CLIENT SETNAME a", "CLIENT SETNAME", "CLIENT SETNAME |a b", "CLIENT SETNAME |", "CLIENT NOSUCH", "CLIENT", "CLIENT HELP",
        "CLIENT KILL", "CLIENT KILL 1.2.3.4:5", "CLIENT KILL ID 0", "CLIENT KILL ID x", "CLIENT KILL ID 99999", "CLIENT KILL TYPE x", "CLIENT KILL ADDR",
        "CLIENT KILL USER nosuch", "CLIENT KILL SKIPME x", "CLIENT REPLY x", "CLIENT REPLY ON", "CLIENT NO-EVICT ON", "CLIENT NO-EVICT x",
        "CLIENT NO-TOUCH ON", "CLIENT NO-TOUCH x", "CLIENT UNPAUSE", "CLIENT PAUSE x", "CLIENT PAUSE -1", "CLIENT PAUSE 1 x", "CLIENT UNBLOCK 99999",
        "CLIENT UNBLOCK x", "CLIENT UNBLOCK 1 x", "CLIENT LIST TYPE x", "CLIENT LIST ID 99999", "CLIENT LIST ID x", 
        "CLIENT GETREDIR", "CLIENT TRACKINGINFO", "CLIENT CACHING YES", "CLIENT CACHING x", "CLIENT TRACKING x", "CLIENT TRACKING ON REDIRECT 99999",
        "CLIENT TRACKING ON REDIRECT x", "CLIENT TRACKING ON PREFIX a", "CLIENT TRACKING ON OPTIN OPTOUT", "CLIENT TRACKING ON BCAST OPTIN",
        "CLIENT TRACKING OFF", "CLIENT TRACKING ON BCAST PREFIX a PREFIX ab", "CLIENT SETINFO LIB-NAME a", "CLIENT SETINFO LIB-VER |1 2", "CLIENT SETINFO x y",
        "HELLO x", "HELLO 4", "HELLO 1", "HELLO 3 x", "HELLO 3 SETNAME", "HELLO 3 SETNAME |a b", "HELLO 3 AUTH x", 
        "AUTH", "AUTH x y z", "SELECT 0", "SELECT 1", "SELECT 16", "SELECT -1", "SELECT x", "SELECT", "PING", "PING a", "PING a b", "ECHO", "ECHO x",
        "NOSUCH", "NOSUCH a b c", "nosuch |\r\n", "|", "| a", "GET|SET", "CONFIG|GET a", "RESET x", "READONLY", "READWRITE", "ASKING",
    ),
    "server": (
        "SWAPDB 0 1", "SWAPDB 0 x", "SWAPDB x 0", "SWAPDB 0 99", "SWAPDB 0 0", "CONFIG GET maxmemory", "CONFIG GET nosuch", "CONFIG GET", "CONFIG GET hash-max-*entries*",
        "CONFIG SET nosuch 1", "CONFIG SET", "CONFIG SET maxmemory", "CONFIG SET maxmemory x", "CONFIG SET maxmemory 1gb maxmemory 1gb", "CONFIG SET maxmemory -1",
        "CONFIG SET hash-max-listpack-entries 5 zset-max-listpack-entries x", "CONFIG SET port x", "CONFIG SET databases 5", "CONFIG SET appendonly x",
        "CONFIG SET notify-keyspace-events x", "CONFIG SET notify-keyspace-events KEA", "CONFIG GET notify-keyspace-events", "CONFIG SET save x", "CONFIG SET save |1 x",
         "CONFIG SET timeout -1", "CONFIG SET timeout 99999999999", "CONFIG SET hz x", "CONFIG SET list-max-listpack-size 99999999999",
        "CONFIG SET client-output-buffer-limit x", "CONFIG SET client-output-buffer-limit |normal 0 0", "CONFIG SET client-output-buffer-limit |normal 0 0 x",
        "CONFIG SET proto-max-bulk-len 1", "CONFIG SET oom-score-adj-values |1 2", "CONFIG SET lfu-decay-time -1", "CONFIG SET slowlog-log-slower-than x",
        "CONFIG SET hash-max-ziplist-entries 5", "CONFIG GET *ziplist*", "CONFIG GET hash-max-ziplist-value hash-max-listpack-value", "CONFIG RESETSTAT x",
        "CONFIG HELP", "CONFIG NOSUCH", "CONFIG", "CONFIG REWRITE", "COMMAND COUNT x", "COMMAND NOSUCH", "COMMAND GETKEYS", "COMMAND GETKEYS GET", "COMMAND GETKEYS GET x",
        "COMMAND GETKEYS PING", "COMMAND GETKEYS NOSUCH x", "COMMAND GETKEYS EVAL x 1 y", "COMMAND GETKEYS EVAL x 9 y", "COMMAND GETKEYS SORT a BY b STORE c", "COMMAND GETKEYSANDFLAGS SET a b",
        "COMMAND GETKEYSANDFLAGS EVAL x 2 y z", "COMMAND GETKEYS XREAD STREAMS a b 1 2", "COMMAND GETKEYS ZUNIONSTORE d 2 a b",
        "COMMAND LIST FILTERBY", "COMMAND LIST FILTERBY PATTERN nosuch*", "COMMAND LIST FILTERBY PATTERN xgr*", "COMMAND LIST FILTERBY MODULE x", "COMMAND LIST FILTERBY ACLCAT nosuch",
        "COMMAND INFO nosuch", "COMMAND DOCS nosuch", "DEBUG", "DEBUG NOSUCH", "DEBUG SLEEP x", "DEBUG OBJECT missing", "MEMORY USAGE missing", "MEMORY USAGE s1 SAMPLES x",
        "MEMORY USAGE s1 SAMPLES -1", "MEMORY USAGE s1 x", "MEMORY NOSUCH", "MEMORY HELP", "MEMORY PURGE", "LATENCY NOSUCH", "LATENCY RESET nosuch", "LATENCY HISTORY nosuch", "LATENCY LATEST x",
        "LATENCY GRAPH nosuch", "LATENCY HELP", "SLOWLOG NOSUCH", "SLOWLOG LEN x", "SLOWLOG GET x", "SLOWLOG GET -2", "SLOWLOG HELP", "LASTSAVE x", "TIME x", "ROLE x", "BGSAVE x",
        "BGREWRITEAOF x", "SAVE x", "SHUTDOWN x", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN ABORT", "REPLICAOF", "REPLICAOF a b", "REPLICAOF a 99999", "REPLICAOF NO ONE", "SLAVEOF NO ONE", "FAILOVER ABORT",
        "FAILOVER x", "FAILOVER TO a", "FAILOVER TO a 1 FORCE", "FAILOVER TIMEOUT -1", "FAILOVER TIMEOUT x", "REPLCONF x", "REPLCONF listening-port x", "WAIT x 0", "WAIT 0 x", "WAIT 0 -1",
        "MODULE LIST", "MODULE LOAD /nosuch", "MODULE UNLOAD nosuch", "MODULE NOSUCH", "MODULE HELP", "CLUSTER INFO", "CLUSTER NOSUCH", "CLUSTER", "CLUSTER HELP", "CLUSTER KEYSLOT x", "MONITOR x", "SYNC x",
        "ACL WHOAMI", "ACL CAT nosuch", "ACL CAT string", "ACL LIST x", "ACL GETUSER nosuch", "ACL DELUSER default", "ACL DELUSER nosuch", "ACL GENPASS x", "ACL GENPASS 0", "ACL NOSUCH", "ACL HELP", "ACL LOAD", "ACL SAVE",
        "ACL SETUSER u1 on >pw ~a* +get", "ACL SETUSER u1 +nosuch", "ACL SETUSER u1 +@nosuch", "ACL SETUSER u1 x", "ACL SETUSER u1 resetkeys %R~a* %W~b* &ch* -@all +set|x", "ACL SETUSER u1 (+get", "ACL SETUSER u1 (+get ~x)",
        "ACL SETUSER u1 clearselectors -get nopass", "ACL SETUSER u1 #zz", "ACL SETUSER u1 <nosuch", "ACL SETUSER u1 allkeys ~x", "ACL SETUSER u1 allchannels &x", "ACL SETUSER u1 +client|id -client +config|get +config",
        "ACL SETUSER u1 +@all -@dangerous +keys", "ACL SETUSER u1 off reset sanitize-payload", "ACL SETUSER u1 %X~a", "ACL SETUSER u1 %~a", "ACL SETUSER |u 2 on", "ACL GETUSER u1", "ACL LIST", "ACL USERS", "ACL DRYRUN u1 GET a", "ACL DRYRUN u1 SET a b",
        "ACL DRYRUN nosuch GET a", "ACL DRYRUN u1 NOSUCH", "ACL DRYRUN u1 GET", "ACL DRYRUN default GET a", "ACL LOG x", "ACL LOG RESET", "ACL LOG -1", "ACL DELUSER u1",
    ),
}  # fmt: skip
THRESHOLDS = {
    "list-max-listpack-size": ("-2", "2", "4", "-1", "1"),
    "list-compress-depth": ("0", "1", "2"),
    "hash-max-listpack-entries": ("128", "2", "4", "0"),
    "hash-max-listpack-value": ("64", "8", "1"),
    "set-max-intset-entries": ("512", "2", "4", "0"),
    "zset-max-listpack-entries": ("128", "2", "4", "0"),
    "zset-max-listpack-value": ("64", "8", "1"),
    "stream-node-max-entries": ("100", "2", "3", "0"),
    "stream-node-max-bytes": ("4096", "64"),
    "hll-sparse-max-bytes": ("3000", "30", "0"),
    "lazyfree-lazy-user-del": ("no", "yes"),
    "lazyfree-lazy-server-del": ("no", "yes"),
    "lazyfree-lazy-expire": ("no", "yes"),
}
# A sorted set whose members have all the same score, for ranges by members mean nothing elsewhere.
ONE_SCORE = b"z0"
# Commands whose second word says which.
CONTAINERS = (b"CLIENT", b"CONFIG", b"COMMAND", b"DEBUG", b"MEMORY", b"OBJECT", b"XGROUP", b"XINFO", b"FUNCTION", b"SCRIPT", b"ACL", b"PUBSUB", b"CLUSTER")
# Families that are no group of the table.
MORE_FAMILIES = ("transactions", "scripting", "pubsub", "tracking", "blocking", "connection", "server", "mixed")


def docs(connection, names):
    """What COMMAND DOCS says, for commands and subcommands, as `{words: (group, arguments)}`."""
    table = {}
    for name, entry in connection.call("COMMAND", "DOCS", *names).plain().items():
        for sub, inner in {**{name: entry}, **entry.get("subcommands", {})}.items():
            if not inner.get("subcommands"):
                table[tuple(sub.upper().encode().split(b"|"))] = inner["group"], inner.get("arguments", [])
    return table


# Answered by a debugger, or as long as the script runs.
UNWANTED = ((b"SCRIPT", b"DEBUG"), (b"SCRIPT", b"KILL"), (b"FUNCTION", b"KILL"))


class Generator:
    """Makes sequences; the same ones for a seed and a table."""

    def __init__(self, rng, table, both, only=None):
        self.rng, self.both = rng, both
        self.table = {words: entry for words, entry in sorted(table.items()) if words[0].decode().lower() not in NEVER and words not in UNWANTED}
        self.groups = {}
        for words, (group, _) in self.table.items():
            self.groups.setdefault(group, []).append(words)
        self.families = [only] if only else [group for group in KEYS if group in self.groups] + ["generic", *MORE_FAMILIES]

    def chance(self, of):
        return self.rng.random() < of

    def sequence(self, length):
        """The steps of a sequence."""
        family = self.rng.choice(self.families)
        self.group, self.binary = "generic", self.chance(0.3)
        steps = list(self.settings())
        if family in ("generic", "mixed", "transactions", "scripting", "tracking", "blocking", "pubsub"):
            steps += [("a", words) for _ in range(12) for words in self.data()]
        while len(steps) < length:
            steps += getattr(self, f"of_{family}", lambda: self.of_group(family))()
            if self.chance(0.07):
                steps.append(("@compare", ()))
        steps += [("a", (b"DISCARD",)), ("@compare", ())]
        return family, steps

    def settings(self):
        flags = self.rng.choice((b"KEA", b"KEA", b"KEAn", b"E$lshzxetd", b"Kg", b"", b"KExen"))
        yield "@control", (b"CONFIG", b"SET", b"notify-keyspace-events", flags)
        for name, values in THRESHOLDS.items():
            if self.chance(0.4):
                yield "@control", (b"CONFIG", b"SET", name.encode(), self.rng.choice(values).encode())

    # What a family does next.

    def data(self):
        """A command of the types of values."""
        yield self.command(self.rng.choice([group for group in KEYS if group in self.groups]))

    def of_group(self, group):
        if group not in self.groups:
            return []
        roll = self.rng.random()
        if roll < 0.08:
            return [("a", self.command("generic"))]
        if roll < 0.11:
            return [self.macro()]
        words = self.command(group)
        if roll < 0.15:
            return [("a", self.wrapped(words))]
        return [("a", words)]

    def of_mixed(self):
        return self.of_group(self.rng.choice([*KEYS, "generic"]))

    def of_generic(self):
        if self.chance(0.4):
            return [("a", words) for words in self.data()]
        return self.of_group("generic")

    def of_transactions(self):
        others = [("b", words) for words in self.data()] if self.chance(0.5) else []
        begin = [("a", (b"WATCH", *(self.key() for _ in range(self.rng.randint(1, 3)))))] if self.chance(0.5) else []
        block = [("a", self.command(self.rng.choice([*KEYS, "generic"]))) for _ in range(self.rng.randint(0, 5))]
        odd = ((b"MULTI",), (b"WATCH", b"s1"), (b"NOSUCH",), (b"UNWATCH",), (b"SELECT", b"1"), (b"BLPOP", b"l1", b"0"), (b"GET",), (b"SELECT", b"0"))
        block += [("a", self.rng.choice(odd))] if self.chance(0.2) else []
        end = self.rng.choice(((b"EXEC",), (b"EXEC",), (b"EXEC",), (b"DISCARD",), (b"EXEC", b"x"), (b"RESET",)))
        return begin + others + [("a", (b"MULTI",))] + block + [("a", end)] + ([("a", (b"UNWATCH",))] if self.chance(0.3) else [])

    def of_scripting(self):
        roll = self.rng.random()
        if roll < 0.25:
            words = self.wrapped(self.command(self.rng.choice([*KEYS, "generic"])))
        elif roll < 0.55:
            count = self.rng.choice((0, 0, 1, 2))
            rest = [self.key() for _ in range(count)] + [self.word() for _ in range(self.rng.randint(0, 2))]
            words = (self.rng.choice((b"EVAL", b"EVAL", b"EVAL_RO")), self.rng.choice(ECHOES), b"%d" % count, *rest)
        elif roll < 0.65:
            words = (b"FUNCTION", b"LOAD", *((b"REPLACE",) if self.chance(0.5) else ()), self.rng.choice(LIBRARIES))
        elif roll < 0.75:
            words = (self.rng.choice((b"FCALL", b"FCALL_RO")), self.rng.choice((b"f1", b"f2", b"f3", b"f4", b"nosuch")), b"1", self.key(), *self.command("string"))
        else:
            words = self.command("scripting")
        return [("a", words)]

    def of_pubsub(self):
        channel = lambda: self.rng.choice((b"ch1", b"ch2", b"news.a", b"", b"\xff"))  # noqa: E731
        pattern = lambda: self.rng.choice((b"ch*", b"*", b"news.?", b"[c]h1"))  # noqa: E731
        many = lambda one: tuple(one() for _ in range(self.rng.randint(1, 3)))  # noqa: E731
        roll = self.rng.random()
        if roll < 0.45:
            verb = self.rng.choice((b"SUBSCRIBE", b"PSUBSCRIBE", b"SSUBSCRIBE", b"UNSUBSCRIBE", b"PUNSUBSCRIBE", b"SUNSUBSCRIBE"))
            names = many(pattern if verb[:1] == b"P" or verb[:2] == b"PU" else channel)
            return [(self.rng.choice("st"), (verb, *(() if verb[1:2] in b"UN" and self.chance(0.4) else names)))]
        if roll < 0.6:
            odd = ((b"PING",), (b"PING", b"x"), (b"GET", b"s1"), (b"ECHO", b"x"), (b"SUBSCRIBE",), (b"PUBLISH", b"ch1", b"mine"), (b"RESET",), (b"PING", b"x", b"y"))
            return [(self.rng.choice("st"), self.rng.choice(odd))]
        if roll < 0.85:
            return [(self.rng.choice("at"), (self.rng.choice((b"PUBLISH", b"SPUBLISH")), channel(), self.word()))]
        return [("a", self.command("pubsub"))]

    def of_tracking(self):
        roll = self.rng.random()
        if roll < 0.2:
            modes = (b"", b"BCAST", b"OPTIN", b"OPTOUT", b"NOLOOP", b"BCAST NOLOOP", b"BCAST PREFIX s", b"BCAST PREFIX h PREFIX z", b"OPTIN NOLOOP", b"PREFIX s", b"OPTIN OPTOUT")
            return [("t", (b"CLIENT", b"TRACKING", self.rng.choice((b"ON", b"ON", b"ON", b"OFF")), *self.rng.choice(modes).split()))]
        if roll < 0.3:
            return [("t", (b"CLIENT", b"CACHING", self.rng.choice((b"YES", b"NO")))), ("t", self.command(self.rng.choice([*KEYS])))]
        if roll < 0.35:
            return [("t", self.rng.choice(((b"CLIENT", b"TRACKINGINFO"), (b"CLIENT", b"GETREDIR"), (b"FLUSHDB",), (b"EVAL_RO", b"return redis.call('GET','s1')", b"1", b"s1"))))]
        return [(self.rng.choice("ttab"), words) for words in self.data()]

    def of_blocking(self):
        if self.chance(0.4):
            keys = lambda group: tuple(self.rng.choice(KEYS[group] if self.chance(0.95) else EVERY_KEY) for _ in range(self.rng.randint(1, 3)))  # noqa: E731
            ends = lambda: self.rng.choice((b"LEFT", b"RIGHT"))  # noqa: E731
            choices = (
                (b"BLPOP", *keys("list"), b"0"), (b"BRPOP", *keys("list"), b"0"), (b"BLMOVE", b"l1", b"l2", ends(), ends(), b"0"), (b"BRPOPLPUSH", b"l1", b"l3", b"0"),
                (b"BLMPOP", b"0", b"2", b"l1", b"l2", ends(), b"COUNT", b"2"), (b"BZPOPMIN", *keys("sorted-set"), b"0"), (b"BZPOPMAX", *keys("sorted-set"), b"0"),
                (b"BZMPOP", b"0", b"2", b"z1", b"z2", b"MAX", b"COUNT", b"2"), (b"XREAD", b"BLOCK", b"0", b"STREAMS", b"x1", b"x2", b"$", b"$"),
                (b"XREADGROUP", b"GROUP", b"g1", b"c1", b"BLOCK", b"0", b"STREAMS", b"x1", b">"),
            )  # fmt: skip
            return [(self.rng.choice("cd"), self.rng.choice(choices))]
        group = self.rng.choice(("list", "list", "sorted-set", "stream", "generic"))
        step = ("a", self.command(group))
        return [step] if self.chance(0.8) else [("a", (b"MULTI",)), step, ("a", self.command(group)), ("a", (b"EXEC",))]

    def of_connection(self):
        return [("a", self.beside("connection"))] if self.chance(0.8) else [("a", self.command("connection"))] if "connection" in self.groups else []

    def of_server(self):
        return [("a", self.beside("server"))]

    def beside(self, family):
        text = self.rng.choice([text for text in BESIDE[family] if text.split(" ")[0].lower() in self.both or text[0] in "|Nn"])
        head, bar, tail = text.partition("|") if " |" in text or text.startswith("|") else (text, "", "")
        return tuple(word.encode() for word in head.split()) + ((tail.encode(),) if bar else ())

    def macro(self):
        roll = self.rng.random()
        if roll < 0.3:
            return "@pop", (self.key("set"), b"%d" % self.rng.choice((1, 1, 2, 3, 50)))
        if roll < 0.5:
            return "@restore", (self.key(), self.key(), *((b"REPLACE",) if self.chance(0.8) else ()))
        if roll < 0.6:
            return "@draw", self.rng.choice(((b"SRANDMEMBER", self.key("set")), (b"HRANDFIELD", self.key("hash")), (b"ZRANDMEMBER", self.key("sorted-set"))))
        options = (b"COUNT", self.rng.choice((b"1", b"3", b"10"))) + ((b"MATCH", self.rng.choice(PATTERNS)) if self.chance(0.3) else ())
        return "@scan", self.rng.choice(((b"SCAN",), (b"SSCAN", self.key("set")), (b"HSCAN", self.key("hash")), (b"ZSCAN", self.key("sorted-set")))) + options

    def wrapped(self, words):
        """A command inside a script."""
        return (self.rng.choice((b"EVAL", b"EVAL", b"EVAL", b"EVAL_RO")), self.rng.choice(WRAPPERS), b"0", *words)

    # Commands from the table.

    def command(self, group):
        if group not in self.groups:
            group = "generic"
        self.group, self.words = group, self.rng.choice(self.groups[group])
        self.oddness = self.rng.choice((0, 0, 0.03, 0.15, 0.4))
        self.optional = self.rng.choice((0.1, 0.3, 0.6))
        self.counted = None
        words = list(self.words)
        if self.chance(0.1):
            words[0] = words[0].lower()
        for argument in self.table[self.words][1]:
            words += self.argument(argument)
        return self.harmless(self.mutated(words))

    def harmless(self, words):
        """Without a wait that nobody ends, ids that are the time, deadlines that may be over before the key is looked at; and
        without indexes at which Redis 8 counts on from the beginning."""
        name = words[0].upper()
        for at in range(1, len(words)):
            if words[at - 1].upper() == b"PXAT" and re.fullmatch(rb"\d{6,12}", words[at]):
                words[at] = b"%d" % (FAR_S[0] * 1000)
        if name == b"LSET" and len(words) > 2 and len(words[2]) > 9:
            words[2] = b"-1"
        if name == b"XADD":
            words = [self.growing_id() if word == b"*" and at < 9 else word for at, word in enumerate(words)]
        if b"LEX" in name or any(word.upper() == b"BYLEX" for word in words):
            words = [ONE_SCORE if word in KEYS["sorted-set"] else word for word in words]
        elif name == b"ZADD" and self.chance(0.2):
            words = [name, ONE_SCORE, *(word for _ in range(3) for word in (b"0", self.word()))]
        if name.startswith(b"B") and not name.startswith(b"BIT"):
            at = 1 if name in (b"BLMPOP", b"BZMPOP") else len(words) - 1
            if re.fullmatch(rb"[\s+]*[\d.]+\s*", words[at]) and at and not words[at].startswith(b"9999"):
                words[at] = b"0.001"
        return tuple(words)

    def mutated(self, words):
        """Now and then with a word lost, said twice, out of place or of another's."""
        if len(words) > 1 and self.chance(0.12):
            at = self.rng.randrange(1, len(words))
            kind = self.rng.randrange(5)
            if kind == 0:
                del words[at]
            elif kind == 1:
                words.insert(at, words[at])
            elif kind == 2:
                words.append(self.word())
            elif kind == 3:
                other = self.rng.randrange(1, len(words))
                words[at], words[other] = words[other], words[at]
            else:
                words[at] = self.rng.choice(WORDS + ODD_INTEGERS)
        return words

    def argument(self, argument):
        flags = argument.get("flags", ())
        if "optional" in flags and not self.chance(self.optional):
            return []
        times = 1
        if "multiple" in flags:
            times = self.rng.choice((1, 1, 2, 3, 3, 6))
        if self.counted is not None and argument["type"] in ("key", "string") and "multiple" in flags:
            times, self.counted = self.counted, None
        token = [argument["token"].encode()] if argument.get("token") and argument["type"] != "pure-token" else []
        if token and self.chance(0.1):
            token = [token[0].lower()]
        words = [] if "multiple_token" in flags else list(token)
        for _ in range(times):
            words += (token if "multiple_token" in flags else []) + self.value(argument)
        return words

    def value(self, argument):
        kind = argument["type"]
        if kind == "oneof":
            return self.argument(self.rng.choice(argument["arguments"]))
        if kind == "block":
            return [word for inner in argument["arguments"] for word in self.argument(inner)]
        if kind == "pure-token":
            token = argument.get("token", "").encode()
            return [token.lower() if self.chance(0.1) else token]
        name = self.said = argument["name"].lower()
        by_name = getattr(self, f"named_{name.replace('-', '_')}", None)
        if by_name:
            return [by_name()]
        return [getattr(self, f"a_{kind.replace('-', '_')}")()]

    def a_key(self):
        return self.key()

    def key(self, group=None):
        group = group or self.group
        if group in KEYS and self.chance(0.9):
            return self.rng.choice(KEYS[group])
        if self.chance(0.03):
            return self.rng.choice((b"", b"\xff\x00", b"k" * 70))
        return self.rng.choice(EVERY_KEY)

    def word(self):
        if self.group == "stream" and self.chance(0.3):
            return self.stream_id()
        if self.group in ("string", "set", "list", "sorted-set") and self.chance(0.35):
            return self.rng.choice(SMALL)
        return self.rng.choice(WORDS if self.binary or self.chance(0.2) else WORDS[:12])

    a_string = word

    def a_integer(self):
        if self.chance(self.oddness):
            return self.rng.choice(ODD_INTEGERS)
        return self.rng.choice(SMALL[2:] if self.chance(0.5) else SMALL[5:])

    def a_double(self):
        return self.rng.choice(ODD_DOUBLES if self.chance(max(self.oddness, 0.02)) else DOUBLES)

    def a_pattern(self):
        if self.words[0].startswith(b"SORT"):
            return self.rng.choice((b"s*", b"h*->a", b"#", b"nosort", b"*", b"h1->*", b"n*", b"h*->", b"->a", b"*->*"))
        return self.rng.choice(PATTERNS)

    def a_unix_time(self):
        if self.chance(self.oddness):
            return self.rng.choice(ODD_INTEGERS)
        past = self.words[0].endswith(b"EXPIREAT") and self.chance(0.1)
        seconds = self.rng.choice(PAST_S if past else FAR_S)
        return b"%d" % (seconds * 1000 + self.rng.randrange(1000) if "milli" in self.said else seconds)

    named_unix_time = named_timestamp = a_unix_time

    def named_seconds(self):
        return self.rng.choice(ODD_INTEGERS[:15]) if self.chance(max(self.oddness, 0.03)) else self.rng.choice((b"100", b"1000", b"50000"))

    def named_milliseconds(self):
        if self.words[0].startswith(b"X"):
            return self.rng.choice((b"1", b"abc", b"-1"))
        return self.rng.choice(ODD_INTEGERS) if self.chance(max(self.oddness, 0.03)) else self.rng.choice((b"100000", b"1000000", b"50000000"))

    def named_timeout(self):
        """Short, for whoever waits is not released; or not a time."""
        return self.rng.choice((b"0.001", b"0.001", b"0.01", b"-1", b"abc", b"nan", b"-0.5", b"1e400", b"inf", b"", b"99999999999999999"))

    def named_numkeys(self):
        self.counted = self.rng.randint(1, 3)
        if self.chance(self.oddness):
            return self.rng.choice(ODD_INTEGERS)
        return b"%d" % self.counted

    named_numfields = named_numkeys

    def named_ttl(self):
        return self.rng.choice((b"0", b"100000", b"-1", b"abc"))

    def named_serialized_value(self):
        return self.rng.choice((b"", b"x" * 12, b"\x00\x01a\x0a\x00", b"\x00\xc0\x01\x0b\x00\x00\x00\x00\x00\x00\x00\x00\x00"))

    def named_cursor(self):
        return self.rng.choice((b"0",) if self.chance(0.9) else (b"abc", b"-1", b"", b" 0", b"18446744073709551616", b"00"))

    def named_encoding(self):
        return self.rng.choice(ENCODINGS if self.chance(max(self.oddness, 0.1)) else ENCODINGS[:10])

    def named_offset(self):
        if self.group == "bitmap" and self.words[0].startswith(b"BITFIELD"):
            return self.rng.choice(BIT_OFFSETS if self.chance(max(self.oddness, 0.05)) else BIT_OFFSETS[:8])
        if self.words[0] in (b"SETBIT", b"GETBIT", b"SETRANGE"):
            return self.rng.choice((b"0", b"1", b"5", b"7", b"8", b"13", b"100", b"2000", *((b"-1", b"abc", b"", *I64, b"4294967296") if self.chance(0.2) else ())))
        return self.a_integer()

    def named_bit(self):
        return self.rng.choice((b"0", b"1", b"1", b"0", b"1", b"2", b"-1", b"abc") if self.chance(0.2) else (b"0", b"1"))

    def stream_id(self):
        return self.rng.choice(ODD_STREAM_IDS if self.chance(0.2) else STREAM_IDS)

    def named_id(self):
        if self.group == "stream":
            return self.growing_id() if self.words[0] == b"XADD" and self.chance(0.85) else self.stream_id()
        return self.word()

    def growing_id(self):
        self.last_id = getattr(self, "last_id", 0) + self.rng.choice((0, 1, 1, 2))
        return b"%d-%s" % (self.last_id, self.rng.choice((b"1", b"2", b"3", b"*")))

    named_last_id = named_lastid = named_id

    def named_threshold(self):
        return self.rng.choice((b"0", b"1", b"2", b"3", b"5", b"5-1", b"-1", b"abc"))

    def named_group(self):
        return self.rng.choice((b"g1", b"g1", b"g2", b"nosuch")) if self.group == "stream" else self.word()

    named_groupname = named_group

    def named_consumer(self):
        return self.rng.choice((b"c1", b"c1", b"c2", b""))

    named_consumername = named_consumer

    def named_min_idle_time(self):
        return self.rng.choice((b"0", b"0", b"0", b"100000000", b"-1", b"abc"))

    named_min_idle = named_min_idle_time

    def named_ms(self):
        return self.rng.choice((b"0", b"10000000", b"99999999", b"-1", b"abc"))

    def bound(self):
        """Of a range, in whatever way the command counts."""
        if self.group == "stream":
            return self.rng.choice((b"-", b"+", *STREAM_IDS[:8], b"(1-1", b"(5"))
        name = self.words[0]
        if b"LEX" in name:
            return self.rng.choice(LEX)
        if b"SCORE" in name or name == b"ZCOUNT":
            return self.rng.choice(SCORES if self.chance(0.3) else SCORES[:8])
        if name in (b"ZRANGE", b"ZRANGESTORE"):
            return self.rng.choice((*LEX, *SCORES) if self.chance(0.3) else SMALL)
        return self.a_integer()

    named_start = named_stop = named_end = named_min = named_max = bound

    def named_longitude(self):
        return self.rng.choice((b"13.361389", b"15.087269", b"2.35", b"-179.9", b"180", b"181", b"abc", b"nan", b"0", b"-0.1", b"13.3", b"15"))

    def named_latitude(self):
        return self.rng.choice((b"38.115556", b"37.502669", b"48.85", b"85.05112878", b"86", b"abc", b"0", b"-45.5", b"38.1", b"37"))

    def named_radius(self):
        return self.rng.choice((b"100", b"200", b"5000", b"20000", b"0", b"-1", b"abc", b"1.5", b"1e10"))

    named_width = named_height = named_radius

    def named_script(self):
        return self.rng.choice(SCRIPTS)

    def named_sha1(self):
        return hashlib.sha1(self.rng.choice(SCRIPTS)).hexdigest().encode() if self.chance(0.9) else self.rng.choice((b"abc", b"f" * 40, b""))

    def named_function(self):
        return self.rng.choice((b"f1", b"f2", b"f3", b"F1", b"nosuch"))

    def named_function_code(self):
        return self.rng.choice(LIBRARIES)

    def named_library_name(self):
        return self.rng.choice((b"lib1", b"lib2", b"lib3", b"nosuch"))

    def named_library_name_pattern(self):
        return self.rng.choice((b"lib*", b"*1", b"nosuch"))

    def named_index(self):
        return self.rng.choice((b"0", b"1", b"2", b"16", b"-1", b"abc")) if self.words[0] in (b"SELECT", b"MOVE") else self.a_integer()

    named_db = named_destination_db = lambda self: self.rng.choice((b"0", b"1", b"1", b"2", b"16", b"-1", b"abc"))  # noqa: E731
