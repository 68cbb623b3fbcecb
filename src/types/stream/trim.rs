//! Removal of a stream's oldest entries.

use super::{Id, References, Stream};
use crate::ds::streamnode::StreamNode;

/// What is to be left of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim {
    /// Which entries are to be left.
    pub by: TrimBy,
    /// Only whole nodes go, so that a little more may be left.
    pub approximate: bool,
    /// Entries removed at most.
    pub limit: Option<u64>,
    /// What becomes of those that pend in groups.
    pub references: References,
}

/// Which entries are to be left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrimBy {
    /// So many.
    MaxLen(u64),
    /// Those that are not below this id.
    MinId(Id),
}

impl Stream {
    /// Removes the oldest entries; how many.
    pub fn trim(&mut self, trim: &Trim) -> u64 {
        match trim.references {
            References::Acked if !self.groups.is_empty() => return self.trim_acked(trim),
            References::Delete => {
                let first = self.facts.first_id;
                let removed = self.trim(&Trim { references: References::Keep, ..*trim });
                if removed > 0 {
                    self.release_trimmed(first);
                }
                return removed;
            }
            References::Keep | References::Acked => {}
        }
        let mut removed = 0;
        while let Some((master, node)) = self.nodes.first_mut() {
            let live = node.live() as u64;
            if trim.limit.is_some_and(|limit| removed + live > limit)
                || matches!(trim.by, TrimBy::MaxLen(max) if self.facts.len <= max)
            {
                break;
            }
            let whole = match trim.by {
                TrimBy::MaxLen(max) => self.facts.len - live >= max,
                TrimBy::MinId(min) => last_id(master, node).is_none_or(|last| last < min),
            };
            if whole {
                self.node_bytes -= node.as_listpack().alloc_size();
                self.nodes.pop_first();
                removed += live;
                self.facts.len -= live;
                continue;
            }
            if !trim.approximate {
                removed += self.trim_first(trim.by);
            }
            break;
        }
        if removed > 0 {
            self.find_first();
        }
        removed
    }

    /// Removes the oldest entries of the first node, not all of which go; how many.
    fn trim_first(&mut self, by: TrimBy) -> u64 {
        let Some((master, node)) = self.nodes.first_mut() else { return 0 };
        let before = node.as_listpack().alloc_size();
        let mut surplus = match by {
            TrimBy::MaxLen(max) => self.facts.len.saturating_sub(max),
            TrimBy::MinId(_) => u64::MAX,
        };
        let removed = node.delete_front(master, |id| {
            let goes = match by {
                TrimBy::MaxLen(_) => surplus > 0,
                TrimBy::MinId(min) => id < min,
            };
            surplus -= u64::from(goes);
            goes
        }) as u64;
        self.node_bytes = self.node_bytes - before + node.as_listpack().alloc_size();
        self.facts.len -= removed;
        removed
    }

    /// What trimming has removed, from an id on, pends in no group any longer; nor does what was deleted
    /// among it before.
    fn release_trimmed(&mut self, from: Id) {
        let to = match self.facts.len {
            0 => self.facts.last_id,
            _ => self.facts.first_id.prev().unwrap_or(Id::MIN),
        };
        for group in self.groups.values_mut() {
            let gone: Vec<Id> = group.pending().range(from..=to).map(|(id, _)| *id).collect();
            for id in gone {
                group.release(id);
            }
        }
    }

    /// Removes of the oldest entries those that every group was given and acknowledged; how many.
    fn trim_acked(&mut self, trim: &Trim) -> u64 {
        let ids = self.acked_to_trim(trim);
        let max_deleted_id = self.facts.max_deleted_id;
        for id in &ids {
            self.remove(*id);
        }
        // What is older than all that is left makes no gap, as with other trimming.
        self.facts.max_deleted_id = max_deleted_id;
        if let Some(last) = ids.last().filter(|last| **last > self.facts.first_id) {
            self.facts.max_deleted_id = max_deleted_id.max(*last);
        }
        ids.len() as u64
    }

    /// The entries that [`Stream::trim_acked`] removes, ascending.
    fn acked_to_trim(&self, trim: &Trim) -> Vec<Id> {
        // What a group was not given yet it cannot have acknowledged.
        let read = self.groups.values().map(|group| group.last_id).min().unwrap_or(Id::MIN);
        let mut surplus = match trim.by {
            TrimBy::MaxLen(max) => self.facts.len.saturating_sub(max),
            TrimBy::MinId(_) => u64::MAX,
        };
        let (mut ids, mut looked_at) = (Vec::new(), 0);
        for (master, node) in self.nodes.range(Id::MIN..=read) {
            let live = node.live() as u64;
            looked_at += live;
            if surplus == 0 || trim.limit.is_some_and(|limit| looked_at > limit) {
                break;
            }
            let whole = match trim.by {
                TrimBy::MaxLen(_) => live <= surplus,
                TrimBy::MinId(min) => last_id(*master, node).is_none_or(|last| last < min),
            };
            if trim.approximate && !whole {
                break;
            }
            for entry in node.entries(*master) {
                let stays = matches!(trim.by, TrimBy::MinId(min) if entry.id >= min);
                if surplus == 0 || stays || entry.id > read {
                    return ids;
                }
                if !self.is_referred_to(entry.id) {
                    ids.push(entry.id);
                    surplus -= 1;
                }
            }
        }
        ids
    }
}

/// The id of a node's last entry.
fn last_id(master: Id, node: &StreamNode) -> Option<Id> {
    node.entries(master).next_back().map(|entry| entry.id)
}
