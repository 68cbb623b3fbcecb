//! Loaders of streams.

use super::Source;
use crate::ds::idmap::IdMap;
use crate::ds::streamnode::StreamNode;
use crate::persist::rdb::decode::Corrupt;
use crate::types::stream::{Facts, Group, Id, Pending, Stream};

/// Bytes of an id in a string of its own,
const ID_LEN: usize = 16;
/// and of a group, of what pends, and of a consumer, at least.
const GROUP_LEAST: usize = 1 + 2 + 1 + 1;
const PENDING_LEAST: usize = ID_LEN + 8 + 1;
const CONSUMER_LEAST: usize = 1 + 8 + 1;

const NODE: &str = "a node that is no listpack of entries";
const ORDER: &str = "nodes whose ids do not ascend";
const TWICE: &str = "a group or pending entry that is there twice";
const CONSUMER_TWICE: &str = "two of a name: Duplicate stream consumer detected";
const UNKNOWN: &str = "an entry that pends with a consumer but not in the group";
const UNOWNED: &str = "an entry that pends with no consumer";

/// What the form of a stream has.
#[derive(Clone, Copy)]
pub(super) struct Form {
    /// Facts beside the last id, and how much groups have read.
    pub(super) facts: bool,
    /// When consumers were active.
    pub(super) activity: bool,
}

/// A stream in this form. It may be empty.
pub(super) fn stream(source: &mut Source<'_, '_>, form: Form) -> Result<Stream, Corrupt> {
    let (nodes, last) = nodes(source)?;
    let len = source.input.length()? as u64;
    let mut facts = Facts { last_id: id(source)?, entries_added: len, ..Facts::default() };
    if form.facts {
        id(source)?;
        facts.max_deleted_id = id(source)?;
        facts.entries_added = source.input.length()? as u64;
    }
    if last > facts.last_id {
        return Err(source.corrupt("entries above the stream's last id"));
    }
    let mut stream = Stream::from_nodes(nodes, facts);
    if stream.facts().len != len {
        return Err(source.corrupt("another number of entries than the stream says"));
    }
    for _ in 0..source.count(GROUP_LEAST)? {
        let name = source.text()?;
        let last_id = id(source)?;
        let read = match form.facts {
            true => Some(source.input.length()? as u64).filter(|read| *read != u64::MAX),
            false => stream.facts().entries_up_to(last_id),
        };
        let group = group(source, form, Group::new(last_id, read))?;
        if !stream.add_group(&name, group) {
            return Err(source.corrupt(TWICE));
        }
    }
    Ok(stream)
}

/// The nodes, and the id of the last entry.
fn nodes(source: &mut Source<'_, '_>) -> Result<(IdMap<StreamNode>, Id), Corrupt> {
    let mut nodes = IdMap::default();
    let mut last = Id::MIN;
    for _ in 0..source.count(ID_LEN)? {
        let name = source.text()?;
        let master = <[u8; ID_LEN]>::try_from(&*name).map(Id::from_be_bytes);
        let master = master.map_err(|_| source.corrupt("a node whose name is no id"))?;
        let node = StreamNode::from_listpack(source.listpack()?, master);
        let node = node.ok_or(source.corrupt(NODE))?;
        // Redis may leave a node of deleted entries behind.
        let Some(end) = node.entries(master).next_back() else { continue };
        if !nodes.is_empty() && master <= last {
            return Err(source.corrupt(ORDER));
        }
        last = end.id;
        nodes.insert(master, node);
    }
    Ok((nodes, last))
}

fn group(source: &mut Source<'_, '_>, form: Form, mut group: Group) -> Result<Group, Corrupt> {
    let mut unowned = IdMap::default();
    for _ in 0..source.count(PENDING_LEAST)? {
        let id = Id::from_be_bytes(source.input.array()?);
        let delivered_ms = source.input.u64_le()?;
        let deliveries = source.input.length()? as u64;
        if unowned.insert(id, (delivered_ms, deliveries)).is_some() {
            return Err(source.corrupt(TWICE));
        }
    }
    for _ in 0..source.count(CONSUMER_LEAST)? {
        consumer(source, form, &mut group, &mut unowned)?;
    }
    if unowned.is_empty() { Ok(group) } else { Err(source.corrupt(UNOWNED)) }
}

fn consumer(
    source: &mut Source<'_, '_>,
    form: Form,
    group: &mut Group,
    unowned: &mut IdMap<(u64, u64)>,
) -> Result<(), Corrupt> {
    let name = source.text()?;
    if group.find(&name).is_some() {
        return Err(source.corrupt(CONSUMER_TWICE));
    }
    let seen_ms = source.input.u64_le()?;
    let active_ms = match form.activity {
        true => Some(source.input.u64_le()?).filter(|at| i64::try_from(*at).is_ok()),
        false => Some(seen_ms),
    };
    let consumer = group.add_consumer(&name, seen_ms);
    group.consumer_mut(consumer).active_ms = active_ms;
    for _ in 0..source.count(ID_LEN)? {
        let id = Id::from_be_bytes(source.input.array()?);
        let Some((delivered_ms, deliveries)) = unowned.remove(id) else {
            return Err(source.corrupt(UNKNOWN));
        };
        group.assign(id, Pending { consumer, delivered_ms, deliveries });
    }
    Ok(())
}

fn id(source: &mut Source<'_, '_>) -> Result<Id, Corrupt> {
    Ok(Id::new(source.input.length()? as u64, source.input.length()? as u64))
}
