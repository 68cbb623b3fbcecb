//! What the rows of this family have in common.

use crate::spec::{Arg, Group, Spec, acl, arg, flag, key, keyword};

const UNITS: Arg = arg::one_of(
    "unit",
    &[arg::token("m", "M"), arg::token("km", "KM"), arg::token("ft", "FT"), arg::token("mi", "MI")],
);

pub(super) const UNIT: Arg = UNITS.optional();

const ORDER: Arg =
    arg::one_of("order", &[arg::token("asc", "ASC"), arg::token("desc", "DESC")]).optional();

const COUNT: Arg = arg::block(
    "count-block",
    &[arg::integer("count").after("COUNT"), arg::token("any", "ANY").optional()],
)
.optional();

const COUNT_SINCE: Arg = arg::block(
    "count-block",
    &[arg::integer("count").after("COUNT"), arg::token("any", "ANY").optional().since("6.2.0")],
)
.optional();

const WITHCOORD: Arg = arg::token("withcoord", "WITHCOORD").optional();
const WITHDIST: Arg = arg::token("withdist", "WITHDIST").optional();
const WITHHASH: Arg = arg::token("withhash", "WITHHASH").optional();

const LONGITUDE: Arg = arg::double("longitude");
const LATITUDE: Arg = arg::double("latitude");

const FROM: Arg = arg::one_of(
    "from",
    &[
        arg::string("member").after("FROMMEMBER"),
        arg::block("fromlonlat", &[LONGITUDE, LATITUDE]).after("FROMLONLAT"),
    ],
)
.optional();

const BY: Arg = arg::one_of(
    "by",
    &[
        arg::block("circle", &[arg::double("radius").after("BYRADIUS"), UNITS]),
        arg::block("box", &[arg::double("width").after("BYBOX"), arg::double("height"), UNITS]),
        arg::block(
            "polygon",
            &[
                arg::integer("num-vertices").after("BYPOLYGON"),
                arg::block("vertices", &[LONGITUDE, LATITUDE]).multiple(),
            ],
        )
        .since("9.0.0"),
    ],
);

const STORE: Arg = arg::one_of(
    "store",
    &[arg::key_of("storekey", 1).after("STORE"), arg::key_of("storedistkey", 2).after("STOREDIST")],
)
.optional();

const ANY_HISTORY: (&str, &str) = ("6.2.0", "COUNT takes ANY.");
const UNIT_HISTORY: (&str, &str) = ("7.0.0", "Units may be written in capitals.");
const POLYGON_HISTORY: (&str, &str) = ("9.0.0", "Areas may be polygons.");

const COST: &str =
    "O(N+log(M)), N being the members of the cells around the area and M those of the key";

const GEO: Spec = Spec { group: Group::Geo, acl: acl::GEO, complexity: COST, ..Spec::NEW };

/// A row about members of a key that are given one by one.
pub(super) const MEMBERS: Spec = Spec {
    complexity: "O(1) for each member",
    since: "3.2.0",
    arity: -2,
    flags: flag::READONLY,
    keys: &[key(1).ro().access()],
    args: &[arg::key("key"), arg::string("member").optional().multiple()],
    ..GEO
};

pub(super) const GEOADD: Spec = Spec {
    name: "geoadd",
    summary: "Adds places to a sorted set, or moves them.",
    complexity: "O(log(N)) for each place, N being the members of the key",
    since: "3.2.0",
    arity: -5,
    flags: flag::WRITE.with(flag::DENYOOM),
    keys: &[key(1).rw().update()],
    args: &[
        arg::key("key"),
        arg::one_of("condition", &[arg::token("nx", "NX"), arg::token("xx", "XX")])
            .optional()
            .since("6.2.0"),
        arg::token("change", "CH").optional().since("6.2.0"),
        arg::block("data", &[LONGITUDE, LATITUDE, arg::string("member")]).multiple(),
    ],
    history: &[("6.2.0", "CH, NX and XX.")],
    ..GEO
};

pub(super) const GEOSEARCH: Spec = Spec {
    name: "geosearch",
    summary: "Answers the places inside a circle, a rectangle or a polygon.",
    since: "6.2.0",
    arity: -7,
    flags: flag::READONLY,
    keys: &[key(1).ro().access()],
    args: &[arg::key("key"), FROM, BY, ORDER, COUNT, WITHCOORD, WITHDIST, WITHHASH],
    history: &[UNIT_HISTORY, POLYGON_HISTORY],
    ..GEO
};

pub(super) const GEOSEARCHSTORE: Spec = Spec {
    name: "geosearchstore",
    summary: "Stores the places inside a circle, a rectangle or a polygon.",
    since: "6.2.0",
    arity: -8,
    flags: flag::WRITE.with(flag::DENYOOM),
    keys: &[key(1).ow().update(), key(2).ro().access()],
    args: &[
        arg::key("destination"),
        arg::key_of("source", 1),
        FROM,
        BY,
        ORDER,
        COUNT,
        arg::token("storedist", "STOREDIST").optional(),
    ],
    history: &[UNIT_HISTORY, POLYGON_HISTORY],
    ..GEO
};

pub(super) const GEORADIUS: Spec = Spec {
    name: "georadius",
    summary: "Answers or stores the places within a distance of a point.",
    since: "3.2.0",
    arity: -6,
    flags: flag::WRITE.with(flag::DENYOOM).with(flag::MOVABLE_KEYS),
    keys: &[
        key(1).ro().access(),
        keyword("STORE", 6).ow().update(),
        keyword("STOREDIST", 6).ow().update(),
    ],
    args: &[
        arg::key("key"),
        LONGITUDE,
        LATITUDE,
        arg::double("radius"),
        UNITS,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT_SINCE,
        ORDER,
        STORE,
    ],
    history: &[ANY_HISTORY, UNIT_HISTORY],
    deprecated: Some(("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS`")),
    ..GEO
};

pub(super) const GEORADIUS_RO: Spec = Spec {
    name: "georadius_ro",
    summary: "Answers the places within a distance of a point.",
    since: "3.2.10",
    flags: flag::READONLY,
    keys: &[key(1).ro().access()],
    args: GEORADIUS.args.split_at(GEORADIUS.args.len() - 1).0,
    deprecated: Some(("6.2.0", "`GEOSEARCH` with `BYRADIUS`")),
    ..GEORADIUS
};

pub(super) const GEORADIUSBYMEMBER: Spec = Spec {
    name: "georadiusbymember",
    summary: "Answers or stores the places within a distance of a member.",
    arity: -5,
    keys: &[
        key(1).ro().access(),
        keyword("STORE", 5).ow().update(),
        keyword("STOREDIST", 5).ow().update(),
    ],
    args: &[
        arg::key("key"),
        arg::string("member"),
        arg::double("radius"),
        UNITS,
        WITHCOORD,
        WITHDIST,
        WITHHASH,
        COUNT,
        ORDER,
        STORE,
    ],
    deprecated: Some(("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with `BYRADIUS`, `FROMMEMBER`")),
    ..GEORADIUS
};

pub(super) const GEORADIUSBYMEMBER_RO: Spec = Spec {
    name: "georadiusbymember_ro",
    summary: "Answers the places within a distance of a member.",
    since: "3.2.10",
    flags: flag::READONLY,
    keys: &[key(1).ro().access()],
    args: GEORADIUSBYMEMBER.args.split_at(GEORADIUSBYMEMBER.args.len() - 1).0,
    deprecated: Some(("6.2.0", "`GEOSEARCH` with `BYRADIUS` and `FROMMEMBER`")),
    ..GEORADIUSBYMEMBER
};
