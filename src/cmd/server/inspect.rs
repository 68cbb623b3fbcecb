//! DEBUG's looks at a value's inside.

use crate::client::ClientId;
use crate::cmd::args::Args;
use crate::cmd::{DONE, Outcome};
use crate::config::value::parse_memory;
use crate::ds::listpack::Listpack;
use crate::ds::quicklist::{NodeRef, Quicklist};
use crate::resp::CmdError;
use crate::server::Server;
use crate::types::{self, Entry, ListForm, SetForm, Str, View};
use std::fmt::Write;

pub(super) fn object(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let key = args.any()?;
    let db = s.clients.running(id).db;
    let entry = s.keyspace.database(db).peek(key).ok_or(CmdError::NoSuchKey)?;
    // The value without its type byte.
    let serialized = s.dumper.value(entry, s.config.rdbcompression).len() - 1;
    let mut text = format!(
        "Value at:{:p} refcount:1 encoding:{} serializedlength:{serialized} lru:{} \
         lru_seconds_idle:{}",
        entry.key().as_ptr(),
        types::encoding_name(entry),
        entry.clock(),
        s.keyspace.shared.access.idle_seconds(entry)
    );
    if let Some(list) = quicklist_of(entry) {
        write_nodes(&mut text, list, s.config.list_max_listpack_size);
    }
    s.reply(id).simple(&text);
    DONE
}

/// What DEBUG OBJECT tells of a list in nodes.
fn write_nodes(text: &mut String, list: &Quicklist, fill: i32) {
    let nodes = list.node_count();
    let average = list.len() as f64 / nodes as f64;
    let size: usize = list.nodes().map(NodeRef::raw_len).sum();
    let compressed = u8::from(list.depth() != 0);
    let _ = write!(
        text,
        " ql_nodes:{nodes} ql_avg_node:{average:.2} ql_listpack_max:{fill} \
         ql_compressed:{compressed} ql_uncompressed_size:{size}"
    );
}

pub(super) fn sdslen(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let key = args.any()?;
    let db = s.clients.running(id).db;
    let entry = s.keyspace.database(db).peek(key).ok_or(CmdError::NoSuchKey)?;
    let Some(Str::Bytes(bytes)) = Str::of(entry) else {
        return Err(CmdError::Msg("Not an sds encoded string."));
    };
    let (length, held) = (bytes.len(), entry.alloc_size());
    let spare = types::spare_bytes(entry);
    let text = format!(
        "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {held}, val_sds_len:{length}, \
         val_sds_avail:{spare}, val_zmalloc: {}",
        key.len(),
        types::value_bytes(entry)
    );
    s.reply(id).simple(&text);
    DONE
}

/// The listpack that is the whole value.
fn listpack_of(entry: &Entry) -> Option<&Listpack> {
    match entry.other()?.as_is() {
        View::Raw(_) | View::Shared(_) => None,
        View::List(list) => match list.form() {
            ListForm::Packed(listpack) => Some(listpack),
            ListForm::Quick(_) => None,
        },
        View::Set(set) => match set.form() {
            SetForm::Pack(listpack) => Some(listpack),
            SetForm::Ints(_) | SetForm::Table(_) => None,
        },
        View::Hash(hash) => hash.as_listpack().map(|(listpack, _)| listpack),
        View::Zset(zset) => zset.as_listpack(),
    }
}

fn quicklist_of(entry: &Entry) -> Option<&Quicklist> {
    match entry.other()?.as_is() {
        View::List(list) => match list.form() {
            ListForm::Quick(list) => Some(list),
            ListForm::Packed(_) => None,
        },
        _ => None,
    }
}

pub(super) fn listpack(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let key = args.any()?;
    let db = s.clients.running(id).db;
    let entry = s.keyspace.database(db).peek(key).ok_or(CmdError::NoSuchKey)?;
    let listpack = listpack_of(entry).ok_or(CmdError::Msg("Not a listpack encoded object."))?;
    tracing::warn!(
        "listpack of {} elements: {}",
        listpack.len(),
        listpack.as_bytes().escape_ascii()
    );
    s.reply(id).simple("Listpack structure printed on stdout");
    DONE
}

pub(super) fn quicklist(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let key = args.any()?;
    let db = s.clients.running(id).db;
    let entry = s.keyspace.database(db).peek(key).ok_or(CmdError::NoSuchKey)?;
    let list = quicklist_of(entry).ok_or(CmdError::Msg("Not a quicklist encoded object."))?;
    for (number, node) in list.nodes().enumerate() {
        let kind = if node.is_plain() { "plain" } else { "packed" };
        tracing::warn!(
            "node {number}: {kind}, {} elements, {} bytes",
            node.entries(),
            node.raw_len()
        );
    }
    s.reply(id).simple("Quicklist structure printed on stdout");
    DONE
}

/// From which size on an element of a list has a node of its own.
pub(super) fn packed_threshold(s: &mut Server, id: ClientId, mut args: Args<'_>) -> Outcome {
    let size = std::str::from_utf8(args.any()?).ok().and_then(parse_memory);
    let size = size.filter(|size| *size < u64::from(u32::MAX));
    let size = size.ok_or(CmdError::Msg(
        "argument must be a memory value bigger than 1 and smaller than 4gb",
    ))?;
    s.limits.list_packed_threshold = Some(size as usize).filter(|size| *size > 0);
    s.reply(id).ok();
    DONE
}
