/*
 * Eight size classes per doubling instead of jemalloc's four: 72, 80, 88 and so on to 128, then 144, 160.
 *
 * .cargo/config.toml has this included before each of jemalloc's source files. jemalloc derives all of its
 * tables from SC_LG_NGROUP, for which its build has no option. sc.h is read but once, so whatever comes
 * behind it sees the value that is put here in place of its own.
 *
 * One thing in sc.h itself is as large as there are classes when it is read: an array in sc_data_s. With
 * pointers of so many bits as are made believe meanwhile, even four classes per doubling are more than
 * eight are with those of 64, so the array is long enough. It is of use for the start-up alone.
 */
#if __has_include("jemalloc/internal/sc.h")
#include "jemalloc/internal/jemalloc_preamble.h"
#pragma push_macro("LG_SIZEOF_PTR")
#undef LG_SIZEOF_PTR
#define LG_SIZEOF_PTR 4
#include "jemalloc/internal/sc.h"
#pragma pop_macro("LG_SIZEOF_PTR")
#undef SC_LG_NGROUP
#define SC_LG_NGROUP 3
_Static_assert(SC_NSIZES <= sizeof(((sc_data_t *)0)->sc) / sizeof(sc_t), "too few places for all size classes");
#endif
