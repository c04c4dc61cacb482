#pragma once

// What the tests of `roundtable`'s verbs share: a directory in a real database, verbs through the
// command line as the operator's role, what they must say.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include "test/support/catalog_database.h"
#include "test/unit/ops/captured_output.h"

namespace ops_test {

// A line, what it must end with, and what must stand in its output (standard error if it failed).
struct Step {
    std::string line;
    int code = 0;
    std::string says = {};
};

// A cluster's directory in the database, made by commands; a place for storage and passwords.
class Fixture {
  public:
    Fixture()
        : root((std::filesystem::temp_directory_path() / ("commands-" + std::to_string(::getpid())))
                   .string()) {
        std::filesystem::remove_all(root);
        std::filesystem::create_directories(root);
        std::ofstream(root + "/password") << "correct horse\n";
    }

    ~Fixture() { std::filesystem::remove_all(root); }

    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    // Words are parted by blanks; "~" in a word stands for `root`.
    Run run(const std::string& line) {
        std::vector<std::string> words = {"--database", database.conninfo("roundtable_operator")};
        std::istringstream stream(line);
        for (std::string word; stream >> word;) {
            if (const std::size_t at = word.find('~'); at != std::string::npos) {
                word.replace(at, 1, root);
            }
            words.push_back(word);
        }
        return ops_test::run(std::move(words));
    }

    void play(const std::vector<Step>& steps) {
        for (const Step& step : steps) {
            const Run result = run(step.line);
            BOOST_TEST_CONTEXT(step.line) {
                BOOST_TEST(result.code == step.code, result.code << ": " << result.error);
                const std::string& said = result.code == 0 ? result.out : result.error;
                BOOST_TEST(said.find(step.says) != std::string::npos, said);
            }
        }
    }

    // Two mail servers that mirror to each other, a domain.
    void make_cluster() {
        play({{"server add storage store1 --path ~/store1"},
              {"server add storage store2 --path ~/store2"},
              {"server add mail mail1 --host mail1.example.test --address 127.0.0.1 "
               "--storage store1"},
              {"server add mail mail2 --host mail2.example.test --address 127.0.0.2 "
               "--storage store2"},
              {"server add access access1 --host access1.example.test --address 127.0.0.3"},
              {"server add name dns1 --host dns1.example.test --address 127.0.0.4"},
              {"domain add Example.TEST."}});
    }

    // A sealed segment with one message, and good copies on some storage servers.
    void add_segment(const std::string& writer, const std::vector<std::string>& on) {
        database.sql(
            "INSERT INTO catalog.segment (id, writer, boot_epoch, state, length, first_frame, "
            "catalogued_to, min_copies, opened_at) VALUES ($1::uuid, $2, 1, 'sealed', 1000, 100, "
            "1000, 2, now())",
            {kSegment, writer});
        database.sql(
            "INSERT INTO catalog.message (id, kind, segment_id, frame_offset, frame_length, "
            "message_size, summary_size, received_at, server, sender) "
            "VALUES ($1::uuid, 1, $1::uuid, 100, 200, 50, 50, now(), $2, 'x@y.test')",
            {kSegment, writer});
        for (const std::string& store : on) {
            add_copy(store);
        }
    }

    void add_copy(const std::string& store) {
        database.sql(
            "INSERT INTO catalog.segment_replica (segment_id, storage_server_id, durable_length) "
            "SELECT $1::uuid, id, 1000 FROM directory.storage_server WHERE name = $2",
            {kSegment, store});
    }

    static constexpr const char* kSegment = "01a21430-0000-7000-8000-000000000001";

    test_support::CatalogDatabase database;
    std::string root;
};

}  // namespace ops_test
