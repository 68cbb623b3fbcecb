use super::raw::Lua;
pub(super) fn push_library(lua: Lua) {
    lua.push_table(0, 0);
}
#[derive(Default)]
pub(super) struct Settings;
