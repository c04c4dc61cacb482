#pragma once

// JsonText: writes the small JSON texts that the catalog's functions take as jsonb. It writes only;
// nothing of ours reads JSON here. Thread rule: values.

#include <cstdint>
#include <string>
#include <string_view>

namespace storage {

/// Appends in call order; the caller balances begin and end. Commas come by themselves.
class JsonText {
  public:
    void begin_object() { open('{'); }

    void end_object() { close('}'); }

    void begin_array() { open('['); }

    void end_array() { close(']'); }

    /// The name of the next value.
    void key(std::string_view name);
    /// UTF-8; quotes, backslashes and control characters are escaped, NUL becomes a space.
    void value(std::string_view text);
    void value(std::uint64_t number);

    void field(std::string_view name, std::string_view text) {
        key(name);
        value(text);
    }

    void field(std::string_view name, std::uint64_t number) {
        key(name);
        value(number);
    }

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

  private:
    void open(char bracket);
    void close(char bracket);
    void separate();

    std::string text_;
    bool needs_comma_ = false;
};

}  // namespace storage
