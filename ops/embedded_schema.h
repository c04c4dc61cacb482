#pragma once

// The schema's migrations as they were when this program was built. Thread rule: immutable.

#include <string_view>
#include <vector>

#include "storage/catalog/migrate.h"

namespace ops {

struct EmbeddedFile {
    std::string_view name;  ///< "0003_catalog.sql"
    std::string_view text;
};

/// In the order of their names. Generated, see embed_schema.cmake.
[[nodiscard]] const std::vector<EmbeddedFile>& embedded_schema();

/// The same, ready to apply.
[[nodiscard]] std::vector<storage::Migration> embedded_migrations();

}  // namespace ops
