//! What an option is: its row, and the macro that writes rows and the fields of
//! [`Config`] as one.

use super::Config;
use super::value::{Rule, Setting};

/// What may be done with an option, and where it may be seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flags(u8);

impl Flags {
    /// Only set at start-up.
    pub const IMMUTABLE: Self = Self(1);
    /// Set at run time only where `enable-protected-configs` allows it.
    pub const PROTECTED: Self = Self(1 << 1);
    /// Answers to its own name only, not to a pattern.
    pub const HIDDEN: Self = Self(1 << 2);
    /// Not set while a data set is being loaded.
    pub const DENY_LOADING: Self = Self(1 << 3);
    /// Takes several words.
    pub const MULTI_ARG: Self = Self(1 << 4);
    /// Holds a secret: kept out of logs.
    pub const SENSITIVE: Self = Self(1 << 5);
    /// Its effects are carried out even when the value is what it was, as with a certificate file
    /// that was renewed.
    pub const VOLATILE: Self = Self(1 << 6);
    /// Its alias answers to itself only, not to a pattern.
    pub const HIDDEN_ALIAS: Self = Self(1 << 7);

    /// The union of several.
    pub(super) const fn of(list: &[Self]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= list[i].0;
            i += 1;
        }
        Self(bits)
    }

    /// Whether all of `other` is in this.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Whether an option does anything in this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It acts.
    Now,
    /// It is checked, reported and rewritten; what it steers is still to come.
    Later,
    /// It is taken so that existing files load; larder is built so that nothing is left for it to
    /// steer.
    Never,
}

/// One option.
pub struct Row {
    /// The name by which it is listed and rewritten.
    pub name: &'static str,
    /// An older or another server's name for it.
    pub alias: Option<&'static str>,
    /// The type and its bounds.
    pub rule: Rule,
    /// What may be done with it.
    pub flags: Flags,
    /// Whether it acts.
    pub effect: Effect,
    pub(super) value: fn(&Config) -> &dyn Setting,
    pub(super) value_mut: fn(&mut Config) -> &mut dyn Setting,
    /// Gives the first the value that the second has.
    pub(super) copy: fn(&mut Config, &Config),
}

impl Row {
    /// Every option, in the order of `redis.conf.example`.
    pub fn all() -> &'static [Self] {
        super::options::ROWS
    }

    /// The option of this name or alias, in any case.
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().iter().find(|row| row.names().any(|n| n.eq_ignore_ascii_case(name)))
    }

    /// The name, and the alias if there is one.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.alias)
    }

    /// The names that patterns find.
    pub fn listed_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let name = (!self.flags.contains(Flags::HIDDEN)).then_some(self.name);
        let alias = self.alias.filter(|_| !self.flags.contains(Flags::HIDDEN_ALIAS));
        name.into_iter().flat_map(move |name| std::iter::once(name).chain(alias))
    }

    /// The value in `config`, as CONFIG GET prints it.
    pub fn print(&self, config: &Config) -> String {
        (self.value)(config).print(&self.rule)
    }
}

/// The directives of a configuration file that are no options: CONFIG GET and SET do not know them.
pub const DIRECTIVES: [&str; 5] = ["include", "loadmodule", "rename-command", "sentinel", "user"];

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Row").field(&self.name).finish()
    }
}

/// Writes `struct Config`, its defaults and the table from one list of
/// `/// doc` `field: type = default; "name" | "alias", rule, [FLAGS], Effect;`.
macro_rules! options {
    ($(
        $(#[$doc:meta])+
        $field:ident : $ty:ty = $default:expr;
        $name:literal $(| $alias:literal)?, $rule:expr, [$($flag:ident)*], $effect:ident;
    )+) => {
        /// The configuration: one typed field per option.
        #[derive(Clone, PartialEq)]
        pub struct Config {
            $($(#[$doc])+ pub $field: $ty,)+
            /// `user` lines: the words after the directive.
            pub users: Vec<Vec<String>>,
            /// `rename-command` lines: the command and its new name, empty to take it away.
            pub renamed_commands: Vec<(String, String)>,
            /// `loadmodule` lines: the path and its arguments.
            pub modules: Vec<Vec<String>>,
            /// `sentinel` lines: the words after the directive.
            pub sentinel: Vec<Vec<String>>,
        }

        impl Default for Config {
            fn default() -> Self {
                Self {
                    $($field: $default,)+
                    users: Vec::new(),
                    renamed_commands: Vec::new(),
                    modules: Vec::new(),
                    sentinel: Vec::new(),
                }
            }
        }

        pub(super) static ROWS: &[Row] = &[$(
            Row {
                name: $name,
                alias: options!(@alias $($alias)?),
                rule: $rule,
                flags: Flags::of(&[$(Flags::$flag),*]),
                effect: Effect::$effect,
                value: |config| &config.$field,
                value_mut: |config| &mut config.$field,
                copy: |to, from| to.$field = from.$field.clone(),
            },
        )+];
    };
    (@alias) => { None };
    (@alias $alias:literal) => { Some($alias) };
}

pub(super) use options;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_name_stands_twice() {
        let mut seen = BTreeSet::new();
        for name in Row::all().iter().flat_map(Row::names).chain(DIRECTIVES) {
            assert!(seen.insert(name.to_ascii_lowercase()), "{name}");
        }
    }

    /// A default is a value that its own row takes, which also shows that the bounds fit the
    /// field's type.
    #[test]
    fn defaults_and_bounds_satisfy_their_rules() {
        use super::super::value::Occurrence;

        for row in Row::all() {
            let mut config = Config::default();
            let mut assign = |text: &str| {
                let words: Vec<&str> = match row.flags.contains(Flags::MULTI_ARG) {
                    true => text.split(' ').collect(),
                    false => vec![text],
                };
                (row.value_mut)(&mut config).assign(&words, &row.rule, Occurrence::First)
            };
            let own = match row.name {
                // Not following anybody prints as nothing and is set in words.
                "replicaof" => "no one".to_owned(),
                _ => row.print(&Config::default()),
            };
            assert_eq!(assign(&own), Ok(()), "{}", row.name);
            let bounds = match row.rule {
                Rule::Int { min, max } => vec![min.to_string(), max.to_string()],
                Rule::Memory { min, max } => vec![min.to_string(), max.to_string()],
                _ => vec![],
            };
            for bound in bounds {
                assert_eq!(assign(&bound), Ok(()), "{}", row.name);
            }
            if let Rule::Bool = row.rule {
                assert!(assign("x").is_err(), "{}", row.name);
            }
        }
    }
}
