#include "mail/envelope.h"

#include "mail/codec.h"
#include "mail/limits.h"

namespace mail {

using base::Errc;
using base::Error;

namespace {

constexpr std::uint8_t kPlainVersion = 1;
constexpr std::uint8_t kAttributesVersion = 2;

// Quoting doubles a local part at worst.
constexpr std::size_t kAddressTextMax = 2 * kLocalPartMax + 2 + 1 + kDomainMax;

void write_recipient(ByteWriter& out, const Recipient& recipient) {
    out.string(recipient.address);
    out.signed_number(recipient.account_id);
    out.string(recipient.mailbox);
    out.octet(flag_bits(recipient.flags));
    out.number(recipient.keywords.size());
    for (const std::string& keyword : recipient.keywords) {
        out.string(keyword);
    }
}

Recipient read_recipient(ByteReader& in) {
    Recipient recipient;
    recipient.address = in.string(kAddressTextMax);
    recipient.account_id = in.signed_number();
    recipient.mailbox = in.string(kMailboxNameMax);
    const std::uint8_t bits = in.octet();
    if (bits > kFlagsAll) {
        in.fail(Errc::Corrupt, "unknown flag bits in an envelope");
    }
    recipient.flags = static_cast<Flags>(bits & kFlagsAll);
    const std::size_t keywords = in.size(kKeywordsMax);
    for (std::size_t i = 0; i < keywords && in.ok(); ++i) {
        recipient.keywords.emplace_back(in.string(kKeywordMax));
        if (!is_keyword(recipient.keywords.back())) {
            in.fail(Errc::Corrupt, "malformed keyword in an envelope");
        }
    }
    return recipient;
}

void write_attributes(ByteWriter& out, const Attributes& attributes) {
    out.number(attributes.size());
    for (const Attribute& attribute : attributes) {
        out.string(attribute.name);
        out.string(attribute.value);
    }
}

Attributes read_attributes(ByteReader& in) {
    Attributes attributes;
    std::string before;
    const std::size_t count = in.size(kAttributesMax);
    if (in.ok() && count == 0) {
        in.fail(Errc::Corrupt, "an envelope of version 2 without attributes");
    }
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        const std::string_view name = in.string(kAttributeNameMax);
        const std::string_view value = in.string(kAttributeValueMax);
        if (in.ok() && (name <= before || !attributes.set(name, value))) {
            in.fail(Errc::Corrupt, "malformed attribute in an envelope");
        }
        before = name;
    }
    return attributes;
}

base::Status check(const Recipient& recipient) {
    if (recipient.address.size() > kAddressTextMax || recipient.mailbox.size() > kMailboxNameMax ||
        recipient.keywords.size() > kKeywordsMax) {
        return Error{Errc::TooLarge, "recipient of an envelope is over a limit"};
    }
    for (const std::string& keyword : recipient.keywords) {
        if (!is_keyword(keyword)) {
            return Error{Errc::Invalid, "malformed keyword in an envelope"};
        }
    }
    return base::Done{};
}

}  // namespace

base::Result<std::string> encode(const Envelope& envelope) {
    if (envelope.sender.size() > kAddressTextMax || envelope.recipients.size() > kRecipientsMax) {
        return Error{Errc::TooLarge, "envelope is over a limit"};
    }
    ByteWriter out;
    out.octet(envelope.attributes.empty() ? kPlainVersion : kAttributesVersion);
    out.string(envelope.sender);
    out.octet(static_cast<std::uint8_t>(envelope.body_type));
    out.number(envelope.recipients.size());
    for (const Recipient& recipient : envelope.recipients) {
        TRY(check(recipient));
        write_recipient(out, recipient);
    }
    if (!envelope.attributes.empty()) {
        write_attributes(out, envelope.attributes);
    }
    std::string bytes = std::move(out).take();
    if (bytes.size() > kSmtpEnvelopeMax) {
        return Error{Errc::TooLarge, "envelope is over its size limit"};
    }
    return bytes;
}

base::Result<Envelope> decode_envelope(std::string_view bytes) {
    if (bytes.size() > kSmtpEnvelopeMax) {
        return Error{Errc::TooLarge, "envelope is over its size limit"};
    }
    ByteReader in(bytes);
    const std::uint8_t version = in.octet();
    if (in.ok() && version != kPlainVersion && version != kAttributesVersion) {
        return Error{Errc::Unsupported, "envelope version " + std::to_string(version)};
    }
    Envelope envelope;
    envelope.sender = in.string(kAddressTextMax);
    const std::uint8_t body_type = in.octet();
    if (body_type > static_cast<std::uint8_t>(BodyType::EightBitMime)) {
        in.fail(Errc::Corrupt, "unknown body type in an envelope");
    }
    envelope.body_type = static_cast<BodyType>(body_type & 1U);
    const std::size_t recipients = in.size(kRecipientsMax);
    for (std::size_t i = 0; i < recipients && in.ok(); ++i) {
        envelope.recipients.push_back(read_recipient(in));
    }
    if (version == kAttributesVersion) {
        envelope.attributes = read_attributes(in);
    }
    TRY(in.finish());
    return envelope;
}

}  // namespace mail
