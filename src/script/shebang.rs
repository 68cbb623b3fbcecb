//! The first line of a script, `#!lua flags=no-writes,allow-stale`, and of a library, `#!lua name=mylib`.

/// What a script or function says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScriptFlags(pub u16);

/// The flags.
pub mod flags {
    use super::ScriptFlags;

    /// It writes nothing.
    pub const NO_WRITES: ScriptFlags = ScriptFlags(1);
    /// It may run when memory is short.
    pub const ALLOW_OOM: ScriptFlags = ScriptFlags(1 << 1);
    /// It may run on a replica whose data are old.
    pub const ALLOW_STALE: ScriptFlags = ScriptFlags(1 << 2);
    /// It does not run in a cluster.
    pub const NO_CLUSTER: ScriptFlags = ScriptFlags(1 << 3);
    /// Its keys may lie in several slots.
    pub const ALLOW_CROSS_SLOT_KEYS: ScriptFlags = ScriptFlags(1 << 4);
    /// It says nothing: it may do what its commands may.
    pub const UNSAID: ScriptFlags = ScriptFlags(1 << 15);
}

/// The flags that have names.
pub static FLAG_NAMES: &[(ScriptFlags, &str)] = &[
    (flags::NO_WRITES, "no-writes"),
    (flags::ALLOW_OOM, "allow-oom"),
    (flags::ALLOW_STALE, "allow-stale"),
    (flags::NO_CLUSTER, "no-cluster"),
    (flags::ALLOW_CROSS_SLOT_KEYS, "allow-cross-slot-keys"),
];

impl ScriptFlags {
    /// Whether it has this one.
    pub fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// With this one.
    #[must_use]
    pub fn with(self, flag: Self) -> Self {
        Self(self.0 | flag.0)
    }

    /// Those that are set, by name.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        FLAG_NAMES.iter().filter(move |(flag, _)| self.has(*flag)).map(|(_, name)| *name)
    }

    /// The flag of this name.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        FLAG_NAMES.iter().find(|(_, known)| known.as_bytes() == name).map(|(flag, _)| *flag)
    }
}

/// The words of a first line, and what follows: from its line end on, so that lines keep their numbers.
fn split(source: &[u8]) -> Option<(Vec<&[u8]>, &[u8])> {
    let end = memchr::memchr(b'\n', source)?;
    let (line, rest) = source.split_at(end);
    let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Some((words.collect(), rest))
}

fn shown(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

/// What a script says about itself, and its code.
///
/// # Errors
/// The words about what is wrong with its first line.
pub fn of_script(source: &[u8]) -> Result<(ScriptFlags, &[u8]), String> {
    if !source.starts_with(b"#!") {
        return Ok((flags::UNSAID, source));
    }
    let (words, code) = split(source).ok_or("Invalid script shebang")?;
    let (engine, options) = words.split_first().ok_or("Invalid engine in script shebang")?;
    if *engine != b"#!lua" {
        return Err(format!("Unexpected engine in script shebang: {}", shown(engine)));
    }
    let mut all = ScriptFlags::default();
    for option in options {
        let Some(names) = option.strip_prefix(b"flags=") else {
            return Err(format!("Unknown lua shebang option: {}", shown(option)));
        };
        for name in names.split(|byte| *byte == b',').filter(|name| !name.is_empty()) {
            let flag = ScriptFlags::named(name);
            let unknown = || format!("Unexpected flag in script shebang: {}", shown(name));
            all = all.with(flag.ok_or_else(unknown)?);
        }
    }
    Ok((all, code))
}

/// The name that a library gives itself, and its code.
///
/// # Errors
/// The words about what is wrong with its first line.
pub(super) fn of_library(source: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    if !source.starts_with(b"#!") {
        return Err("Missing library metadata".to_owned());
    }
    let (words, code) = split(source).ok_or("Invalid library metadata")?;
    let (engine, options) = words.split_first().ok_or("Invalid library metadata")?;
    let engine = &engine[2..];
    let mut name = None;
    for option in options {
        let (key, value) = option.split_at(option.len().min(5));
        if !key.eq_ignore_ascii_case(b"name=") {
            return Err(format!("Invalid metadata value given: {}", shown(option)));
        }
        if name.is_some() {
            let words = "Invalid metadata value, name argument was given multiple times";
            return Err(words.to_owned());
        }
        let quoted = value.len() > 1 && value.starts_with(b"\"") && value.ends_with(b"\"");
        name = Some(if quoted { &value[1..value.len() - 1] } else { value });
    }
    let name = name.ok_or("Library name was not given")?;
    check_name(name)?;
    if !engine.eq_ignore_ascii_case(b"lua") {
        return Err(format!("Engine '{}' not found", shown(engine)));
    }
    Ok((name.to_vec(), code))
}

/// Libraries and functions have names of letters, digits and underscores.
///
/// # Errors
/// The words that say so.
pub(super) fn check_name(name: &[u8]) -> Result<(), String> {
    const WORDS: &str = "Library names can only contain letters, numbers, or underscores(_) and must be at least \
                         one character long";
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if !name.is_empty() && name.iter().all(fits) { Ok(()) } else { Err(WORDS.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_a_first_line_says_nothing() {
        assert_eq!(of_script(b"return 1"), Ok((flags::UNSAID, b"return 1".as_slice())));
    }

    #[test]
    fn flags_are_read_and_lines_keep_their_numbers() {
        let (found, code) = of_script(b"#!lua flags=no-writes,allow-oom\nreturn 1").unwrap();
        assert_eq!(found.names().collect::<Vec<_>>(), ["no-writes", "allow-oom"]);
        assert_eq!(code, b"\nreturn 1");
    }

    #[test]
    fn whatever_is_no_first_line_is_refused_in_words() {
        for (source, words) in [
            ("#!lua", "Invalid script shebang"),
            ("#!js\n", "Unexpected engine in script shebang: #!js"),
            ("#!lua a=b\n", "Unknown lua shebang option: a=b"),
            ("#!lua flags=x\n", "Unexpected flag in script shebang: x"),
        ] {
            assert_eq!(of_script(source.as_bytes()).unwrap_err(), words);
        }
    }
}
