// The index of a store's packs for who reads a copy of it from a plain web server: pack-index in
// the store's directory (docs/formats.md), as git keeps info/refs.
#pragma once

#include "mgit/store.h"

namespace mgit {

/// Writes it, for the packs that are there now; what it said of packs before is believed. Several
/// processes may do so at once.
void write_server_info(const Store& store);
/// The same where there is one already: after packs came or went.
void update_server_info(const Store& store);

}  // namespace mgit
