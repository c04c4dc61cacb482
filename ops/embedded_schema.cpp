#include "ops/embedded_schema.h"

#include <charconv>

#include "base/hash.h"

namespace ops {

std::vector<storage::Migration> embedded_migrations() {
    std::vector<storage::Migration> migrations;
    for (const EmbeddedFile& file : embedded_schema()) {
        storage::Migration migration;
        std::from_chars(file.name.data(), file.name.data() + 4, migration.number);
        migration.name = file.name;
        migration.sql = file.text;
        migration.checksum = base::to_hex(base::sha256(base::as_bytes(file.text)));
        migrations.push_back(std::move(migration));
    }
    return migrations;
}

}  // namespace ops
