//! What a search is for, as its many commands tell it.

use super::{place_of, take_point, unit};
use crate::cmd::args::Args;
use crate::ds::geohash::{Area, Point, Shape};
use crate::resp::{Argv, CmdError};
use crate::stdx::num;
use crate::types::Zset;

/// How a command is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// The argument that names the source.
    pub source: usize,
    /// Where the centre and the outline are told.
    pub centre: Centre,
    /// Where results may be stored.
    pub storing: Storing,
}

/// Where a centre is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Centre {
    /// `longitude latitude radius unit` behind the source.
    Point,
    /// `member radius unit` behind the source.
    Member,
    /// FROMMEMBER or FROMLONLAT, with BYRADIUS or BYBOX; or BYPOLYGON.
    Words,
}

/// Where results may be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storing {
    /// Nowhere.
    Never,
    /// In the key behind STORE or STOREDIST, if there is one.
    Word,
    /// In the key that is argument 1.
    Always,
}

/// The order of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Nearest first.
    Ascending,
    /// Farthest first.
    Descending,
}

/// A key to store results in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Store<'a> {
    pub key: &'a [u8],
    /// Distances become the scores, not geohashes.
    pub distances: bool,
}

/// A search, told in full.
#[derive(Debug)]
pub(super) struct Query<'a> {
    /// Known where the source exists.
    pub area: Option<Area>,
    /// Metres of the unit in which distances are answered.
    pub unit: f64,
    pub with_distance: bool,
    pub with_hash: bool,
    pub with_point: bool,
    /// At most so many results.
    pub count: Option<usize>,
    /// The first that are found will do.
    pub any: bool,
    pub order: Option<Order>,
    pub store: Option<Store<'a>>,
}

/// What was told so far.
#[derive(Debug)]
struct Parser<'a, 'z> {
    /// The command's name as it was written.
    name: &'a [u8],
    args: Args<'a>,
    form: Form,
    zset: Option<&'z Zset>,
    centre: Option<Point>,
    from_member: bool,
    from_point: bool,
    shape: Option<Shape>,
    /// The outlines that were told.
    by: By,
    query: Query<'a>,
}

/// Which outlines were told: no two stand beside each other.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct By {
    radius: bool,
    rectangle: bool,
    polygon: bool,
}

impl<'a> Query<'a> {
    /// Reads all arguments. `zset` is the source, where it exists; a member that is not there
    /// matters only then.
    pub(super) fn parse(
        argv: &Argv<'a>,
        form: Form,
        zset: Option<&Zset>,
    ) -> Result<Self, CmdError> {
        let store =
            (form.storing == Storing::Always).then(|| Store { key: argv.at(1), distances: false });
        let query = Self {
            area: None,
            unit: 1.0,
            with_distance: false,
            with_hash: false,
            with_point: false,
            count: None,
            any: false,
            order: None,
            store,
        };
        let parser = Parser {
            name: argv.at(0),
            args: Args::new(argv, form.source + 1),
            form,
            zset,
            centre: None,
            from_member: false,
            from_point: false,
            shape: None,
            by: By::default(),
            query,
        };
        parser.run()
    }
}

impl<'a> Parser<'a, '_> {
    fn run(mut self) -> Result<Query<'a>, CmdError> {
        match self.form.centre {
            Centre::Point => {
                self.centre = Some(take_point(&mut self.args)?);
                self.circle()?;
            }
            Centre::Member if self.zset.is_none() => {
                let (_member, _radius, _unit) =
                    (self.args.any()?, self.args.any()?, self.args.any()?);
            }
            Centre::Member => {
                self.member()?;
                self.circle()?;
            }
            Centre::Words => {}
        }
        while self.args.left() > 0 {
            let taken = self.result_word()?
                || self.count()?
                || self.store_word()
                || (self.form.centre == Centre::Words && self.area_word()?);
            if !taken {
                return Err(CmdError::Syntax);
            }
        }
        self.check()?;
        let mut query = self.query;
        query.area = match (self.shape, self.centre) {
            (Some(Shape::Polygon(vertices)), _) => Some(Area::polygon(vertices)),
            (Some(shape), Some(centre)) => Some(Area { centre, shape }),
            _ => None,
        };
        Ok(query)
    }

    /// Words about what is answered, and in which order.
    fn result_word(&mut self) -> Result<bool, CmdError> {
        let Self { args, query, .. } = self;
        if args.word("WITHDIST") {
            query.with_distance = true;
        } else if args.word("WITHHASH") {
            query.with_hash = true;
        } else if args.word("WITHCOORD") {
            query.with_point = true;
        } else if args.word("ANY") {
            query.any = true;
        } else if args.word("ASC") {
            query.order = Some(Order::Ascending);
        } else if args.word("DESC") {
            query.order = Some(Order::Descending);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn count(&mut self) -> Result<bool, CmdError> {
        let taken = self.args.left() > 1 && self.args.word("COUNT");
        if taken {
            let count = usize::try_from(self.args.int()?).ok().filter(|count| *count > 0);
            self.query.count = Some(count.ok_or(CmdError::Msg("COUNT must be > 0"))?);
        }
        Ok(taken)
    }

    fn store_word(&mut self) -> bool {
        match self.form.storing {
            Storing::Never => false,
            Storing::Word => {
                if self.args.left() < 2 {
                    return false;
                }
                let distances = self.args.word("STOREDIST");
                let taken = distances || self.args.word("STORE");
                if taken {
                    self.query.store = self.args.next().map(|key| Store { key, distances });
                }
                taken
            }
            Storing::Always => {
                let taken = self.args.word("STOREDIST");
                if let Some(store) = &mut self.query.store {
                    store.distances |= taken;
                }
                taken
            }
        }
    }

    /// Words about the area. One that excludes a word before it is none.
    fn area_word(&mut self) -> Result<bool, CmdError> {
        let left = self.args.left();
        let By { radius, rectangle, polygon } = self.by;
        let from = |other: bool| !other && !polygon;
        if left > 1 && from(self.from_point) && self.args.word("FROMMEMBER") {
            self.from_member = true;
            self.member()?;
        } else if left > 2 && from(self.from_member) && self.args.word("FROMLONLAT") {
            self.from_point = true;
            self.centre = Some(take_point(&mut self.args)?);
        } else if left > 2 && !rectangle && !polygon && self.args.word("BYRADIUS") {
            self.by.radius = true;
            self.circle()?;
        } else if left > 3 && !radius && !polygon && self.args.word("BYBOX") {
            self.by.rectangle = true;
            self.rectangle()?;
        } else if left > 1 && self.may_be_polygon() && self.args.word("BYPOLYGON") {
            self.by.polygon = true;
            self.polygon()?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// A polygon has a centre of its own.
    fn may_be_polygon(&self) -> bool {
        !(self.by.radius || self.by.rectangle || self.from_member || self.from_point)
    }

    fn member(&mut self) -> Result<(), CmdError> {
        let member = self.args.any()?;
        if let Some(zset) = self.zset {
            let place = place_of(zset, member);
            let missing = CmdError::Msg("could not decode requested zset member");
            self.centre = Some(place.ok_or(missing)?);
        }
        Ok(())
    }

    fn circle(&mut self) -> Result<(), CmdError> {
        let radius = self.number("need numeric radius")?;
        if radius < 0.0 {
            return Err(CmdError::Msg("radius cannot be negative"));
        }
        self.query.unit = unit(self.args.any()?)?;
        self.shape = Some(Shape::Circle { radius: radius * self.query.unit });
        Ok(())
    }

    fn rectangle(&mut self) -> Result<(), CmdError> {
        let width = self.number("need numeric width")?;
        let height = self.number("need numeric height")?;
        if width < 0.0 || height < 0.0 {
            return Err(CmdError::Msg("height or width cannot be negative"));
        }
        let unit = unit(self.args.any()?)?;
        self.query.unit = unit;
        self.shape = Some(Shape::Rectangle { width: width * unit, height: height * unit });
        Ok(())
    }

    fn polygon(&mut self) -> Result<(), CmdError> {
        let vertices = num::parse_i64(self.args.any()?);
        let vertices = vertices.ok_or(CmdError::Msg("invalid number of vertices"))?;
        if vertices < 3 || vertices > (self.args.left() / 2) as i64 {
            return Err(CmdError::Msg("GEOSEARCH BYPOLYGON must have at least 3 vertices"));
        }
        let points = (0..vertices).map(|_| take_point(&mut self.args)).collect::<Result<_, _>>()?;
        self.query.unit = 1.0;
        self.shape = Some(Shape::Polygon(points));
        Ok(())
    }

    fn number(&mut self, otherwise: &'static str) -> Result<f64, CmdError> {
        num::parse_f64(self.args.any()?).ok_or(CmdError::Msg(otherwise))
    }

    /// Looks for what is missing, and for words that exclude each other.
    fn check(&self) -> Result<(), CmdError> {
        let Self { form, query, by, .. } = self;
        if query.store.is_some() && (query.with_distance || query.with_hash || query.with_point) {
            let what = match form.storing {
                Storing::Always => "GEOSEARCHSTORE",
                Storing::Word | Storing::Never => "STORE option in GEORADIUS",
            };
            let words = "is not compatible with WITHDIST, WITHHASH and WITHCOORD options";
            return Err(CmdError::err(format_args!("{what} {words}")));
        }
        if form.centre == Centre::Words && !by.polygon {
            let name = String::from_utf8_lossy(self.name);
            if !self.from_member && !self.from_point {
                let words = "exactly one of FROMMEMBER or FROMLONLAT can be specified for";
                return Err(CmdError::err(format_args!("{words} {name}")));
            }
            if !by.radius && !by.rectangle {
                let words = "exactly one of BYRADIUS and BYBOX can be specified for";
                return Err(CmdError::err(format_args!("{words} {name}")));
            }
        }
        if query.any && query.count.is_none() {
            return Err(CmdError::Msg("the ANY argument requires COUNT argument"));
        }
        Ok(())
    }
}
