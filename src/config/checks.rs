//! What text options must satisfy beyond being text.

type Checked = Result<(), &'static str>;

/// The file name of a snapshot: no path, for `dir` says where.
pub(super) fn dbfilename(text: &str) -> Checked {
    bare_name(text, "dbfilename can't be a path, just a filename")
}

/// The base name of the append-only files.
pub(super) fn appendfilename(text: &str) -> Checked {
    if text.is_empty() {
        return Err("appendfilename can't be empty");
    }
    bare_name(text, "appendfilename can't be a path, just a filename")
}

/// The directory of the append-only files, within `dir`.
pub(super) fn appenddirname(text: &str) -> Checked {
    if text.is_empty() {
        return Err("appenddirname can't be empty");
    }
    bare_name(text, "appenddirname can't be a path, just a dirname")
}

fn bare_name(text: &str, refusal: &'static str) -> Checked {
    if text.contains('/') { Err(refusal) } else { Ok(()) }
}

/// A host name to announce; empty for none.
pub(super) fn hostname(text: &str) -> Checked {
    if text.len() >= 256 {
        return Err("Hostnames must be less than 256 characters");
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    if text.bytes().all(fits) {
        Ok(())
    } else {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots")
    }
}

/// A name for people, without the marks that cluster files and messages give a meaning.
pub(super) fn node_name(text: &str) -> Checked {
    if text.bytes().any(|b| b"!#$%&()*+:;<>?@[]^{|}~".contains(&b)) {
        return Err("Announced human node name contained invalid character");
    }
    Ok(())
}

/// The template of the process title: known variables in closed braces, and not all blank.
pub(super) fn proc_title(template: &str) -> Checked {
    const REFUSAL: &str = "template format is invalid or contains unknown variables";
    const VARIABLES: [&str; 7] =
        ["title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"];
    let mut rest = template;
    while let Some((_, tail)) = rest.split_once('{') {
        let (name, tail) = tail.split_once('}').ok_or(REFUSAL)?;
        if !VARIABLES.contains(&name) {
            return Err(REFUSAL);
        }
        rest = tail;
    }
    if template.is_empty() { Err(REFUSAL) } else { Ok(()) }
}

/// A locale's name: `C`, `POSIX` or `language[_TERRITORY][.charset][@modifier]`; empty for the
/// environment's.
pub(super) fn locale(name: &str) -> Checked {
    let base = name.split_once('@').map_or(name, |(base, _)| base);
    let base = base.split_once('.').map_or(base, |(base, _)| base);
    let (language, territory) = base.split_once('_').unwrap_or((base, "XX"));
    let fits = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    let known = name.is_empty()
        || matches!(base, "C" | "POSIX")
        || (fits(language, 2..=3) && fits(territory, 2..=3));
    if known { Ok(()) } else { Err("Invalid locale name") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(check: fn(&str) -> Checked, taken: &[&str], refused: &[&str]) {
        for text in taken {
            assert_eq!(check(text), Ok(()), "{text:?}");
        }
        for text in refused {
            assert!(check(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn file_names_are_no_paths() {
        check(dbfilename, &["dump.rdb", ""], &["a/b"]);
        check(appendfilename, &["appendonly.aof"], &["a/b", ""]);
        check(appenddirname, &["appendonlydir"], &["a/b", ""]);
    }

    #[test]
    fn host_names_are_short_and_plain() {
        check(hostname, &["", "a-b.c", &"a".repeat(255)], &["a_b", &"a".repeat(256)]);
        check(node_name, &["", "node-1", "a b", "käse"], &["a!b", "a:b", "{"]);
    }

    #[test]
    fn title_templates_know_their_variables() {
        check(
            proc_title,
            &["{title} {listen-addr}", "x", "}", "--my--title--{title}"],
            &["", "{", "{foo}", "{title} {foo"],
        );
    }

    #[test]
    fn locales_look_like_locales() {
        check(
            locale,
            &["", "C", "POSIX", "C.UTF-8", "de_DE.UTF-8", "es_CL@euro", "en"],
            &["junk", "-1", "de_", "1mb!", "99999999999"],
        );
    }
}
