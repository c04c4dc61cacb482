#pragma once

// SEARCH keys, RFC 3501 6.4.4: parsed into a postfix program, evaluated on one message at a time.
//
// Neither parsing nor evaluation recurses: what nests in the command is a bounded stack here
// (kNestingMax, kSearchKeysMax). Evaluation knows three truths. A key whose data has not been
// loaded is Unknown, so that a search first runs on what the session holds in memory, then on the
// summaries of what is left, and reads whole messages only where nothing else decides.
//
// Thread rule: values; evaluate() is const and needs no more than its arguments.
// Errors: Errc::Invalid (grammar), TooLarge (limits), Unsupported (charset: answer BADCHARSET).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap_cursor.h"
#include "base/result.h"
#include "mail/flags.h"
#include "mail/summary.h"
#include "mail/uid_set.h"

namespace accessd {

enum class Truth : std::uint8_t { False, True, Unknown };

enum class SearchOp : std::uint8_t {
    // operators, on the truths before them
    And,
    Or,
    Not,
    // keys that the session's own memory decides
    All,
    Flag,     ///< all of `flags` set
    Keyword,  ///< `text`, case ignored
    Recent,
    Sequence,  ///< in `numbers`
    Uid,       ///< in `numbers`
    Before,    ///< INTERNALDATE, by day
    On,
    Since,
    Larger,
    Smaller,
    // keys that the summary decides, unless a field is cut
    SentBefore,
    SentOn,
    SentSince,
    Field,  ///< `field` holds `text`
    // keys that need the message
    Body,  ///< the body holds `text`
    Text,  ///< header or body hold `text`
};

/// One step of the program. Which members count depends on `op`; the others are empty.
struct SearchNode {
    SearchOp op = SearchOp::All;
    mail::Flags flags = mail::Flags::None;
    std::string field;        ///< header name
    std::string text;         ///< in search form (mail/decode.h); a keyword as sent
    std::int64_t number = 0;  ///< days since 1970, or octets
    mail::SequenceSet set;    ///< as written
    mail::UidSet numbers;     ///< once resolved
};

/// A message in the form that Body, Text and Field keys are decided on. Made once per message.
struct SearchableText {
    struct Field {
        std::string name;
        std::string text;  ///< search form of the decoded value
    };

    std::vector<Field> fields;
    std::string body;  ///< search form of all text parts, one after the other
};

/// Header and text parts of a message in search form, bounded by mail::kDecodedMax in all. Takes
/// time in proportion to the message: run it on a worker for more than a few KiB.
[[nodiscard]] SearchableText make_searchable(std::string_view message);

/// What is known of a message. Pointers are borrowed for the call, null if not loaded.
struct SearchSubject {
    std::uint32_t sequence = 0;
    std::uint32_t uid = 0;
    mail::Flags flags = mail::Flags::None;
    bool recent = false;
    const std::vector<std::string>* keywords = nullptr;  ///< null: none
    std::int64_t internal_day = 0;
    std::uint64_t size_bytes = 0;
    const mail::Summary* summary = nullptr;
    const SearchableText* text = nullptr;
};

/// The keys of one SEARCH, see the top of this file. A value; owns its texts. Limit: kSearchKeysMax
/// steps, and its stack never holds more than 2 * kNestingMax + 2 truths.
class SearchProgram {
  public:
    /// [CHARSET name SP] key *(SP key) up to the end of the command.
    [[nodiscard]] static base::Result<SearchProgram> parse(Cursor& cursor);

    /// Fixes what "*" means. To be called once before evaluate. 0: the mailbox is empty.
    void resolve(std::uint32_t largest_sequence, std::uint32_t largest_uid);

    [[nodiscard]] Truth evaluate(const SearchSubject& subject) const;

    [[nodiscard]] const std::vector<SearchNode>& nodes() const { return nodes_; }

  private:
    std::vector<SearchNode> nodes_;
};

}  // namespace accessd
