#pragma once

// Config: a daemon's bootstrap settings from a YAML file. Everything else lives in the database.
//
// Use: load, read every setting through the typed getters, then finish(). Getters never fail on the
// spot: a missing or wrong setting yields the default and is noted; finish() answers the first
// problem of the file, "roundtable.yaml:7:3: unknown key 'lisen'". A key that no getter asked for
// is a problem too, so a misspelt setting is never silently ignored.
// Limits: files up to 1 MiB, nesting up to 32.
// Thread rule: one thread; the values are copies.
// Errors: load() and parse() answer Errc::NotFound, Errc::Refused, Errc::Invalid (not YAML, with
// line and column), Errc::TooLarge; finish() Errc::Invalid.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace base {

namespace detail {
struct ConfigDocument;
struct ConfigNode;
}  // namespace detail

/// A mapping of the file. A handle; all sections share the document.
class ConfigSection {
  public:
    /// True if the key is there and not null. Counts as asked for.
    [[nodiscard]] bool has(std::string_view key) const;

    // With a default: optional settings. Without: required ones.
    [[nodiscard]] std::string text(std::string_view key, std::string_view fallback) const;
    [[nodiscard]] std::string text(std::string_view key) const;
    [[nodiscard]] std::int64_t integer(std::string_view key,
                                       std::int64_t min,
                                       std::int64_t max,
                                       std::optional<std::int64_t> fallback = std::nullopt) const;
    /// true, false, yes, no, on, off.
    [[nodiscard]] bool boolean(std::string_view key, bool fallback) const;
    /// "250ms", "10s", "5m", "2h", "7d"; a bare number is refused, except 0.
    [[nodiscard]] Duration duration(std::string_view key,
                                    std::optional<Duration> fallback = std::nullopt) const;
    /// "512", "64KiB", "64MiB", "2GiB", "1TiB" (also kB, MB, GB, TB as powers of ten). Bytes.
    [[nodiscard]] std::uint64_t size(std::string_view key,
                                     std::optional<std::uint64_t> fallback = std::nullopt) const;
    /// "127.0.0.1:25", "[::1]:25".
    [[nodiscard]] Endpoint endpoint(std::string_view key,
                                    std::optional<Endpoint> fallback = std::nullopt) const;
    /// One of a closed set of words; answers its index.
    [[nodiscard]] std::size_t choice(std::string_view key,
                                     const std::vector<std::string_view>& words,
                                     std::size_t fallback) const;

    // A list, or a single value as a list of one. Missing: empty.
    [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;
    [[nodiscard]] std::vector<Endpoint> endpoints(std::string_view key) const;
    [[nodiscard]] std::vector<Network> networks(std::string_view key) const;

    /// A nested mapping; missing: an empty one, of which required settings are missing.
    [[nodiscard]] ConfigSection section(std::string_view key) const;
    /// A list of mappings.
    [[nodiscard]] std::vector<ConfigSection> sections(std::string_view key) const;
    /// The keys of this mapping in file order, for mappings from names to something.
    [[nodiscard]] std::vector<std::string> keys() const;

    /// Notes a problem that the caller found with a value ("must be below x"); finish() reports it.
    void problem(std::string_view key, std::string_view message) const;

  private:
    friend class Config;

    ConfigSection(std::shared_ptr<detail::ConfigDocument> document,
                  const detail::ConfigNode* node,
                  std::string path);

    [[nodiscard]] const detail::ConfigNode* find(std::string_view key) const;
    [[nodiscard]] const std::string* scalar(std::string_view key, bool required) const;
    void bad(std::string_view key, std::string_view expected) const;

    std::shared_ptr<detail::ConfigDocument> document_;
    const detail::ConfigNode* node_;  ///< null: not in the file
    std::string path_;                ///< "listen.smtp" for messages
};

/// A file as read, and what was found wrong with it. A handle: copies and the sections share one
/// document, which lives as long as any of them.
///
/// Which problem finish() answers: the first in file order among unknown keys and wrong values;
/// missing settings only if nothing else is wrong, because a misspelt key makes a setting missing,
/// and then the line with the misspelling is what has to be seen.
class Config {
  public:
    [[nodiscard]] static Result<Config> load(const std::string& path);
    /// `name` stands for the file in messages.
    [[nodiscard]] static Result<Config> parse(std::string_view yaml, std::string_view name);

    [[nodiscard]] ConfigSection root() const;

    /// The problem to show, or Ok. Call it after all getters.
    [[nodiscard]] Status finish() const;

  private:
    explicit Config(std::shared_ptr<detail::ConfigDocument> document);

    std::shared_ptr<detail::ConfigDocument> document_;
};

/// "10s" and "64MiB" as the getters read them; for the command line. Errc::Invalid.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
[[nodiscard]] Result<std::uint64_t> parse_size(std::string_view text);

}  // namespace base
