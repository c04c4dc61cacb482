// The arguments of every IMAP command from any text: read to the end or refused with an error that
// is the client's, and what was read is within its limits and means the same when it is written
// again.

#include <cstdint>
#include <string>
#include <string_view>

#include "access/imap_arguments.h"
#include "access/imap_command_reader.h"
#include "access/imap_notify.h"
#include "access/imap_search.h"
#include "access/limits.h"
#include "access/list_pattern.h"
#include "access/mailbox_name.h"
#include "base/check.h"

namespace {

using accessd::Cursor;
using accessd::Truth;

void check_error(const base::Error& error) {
    CHECK(error.code == base::Errc::Invalid || error.code == base::Errc::TooLarge ||
          error.code == base::Errc::Refused || error.code == base::Errc::Unsupported);
}

/// Runs a parser on its own copy of the cursor; its value goes to `check`.
template <typename Parse, typename Check>
void try_parse(Cursor cursor, Parse parse, Check check) {
    const auto parsed = parse(cursor);
    if (parsed) {
        check(parsed.value());
    } else {
        check_error(parsed.error());
    }
}

void check_mailbox(const std::string& name) {
    std::string quoted;
    accessd::append_mailbox_name(quoted, name);
    CHECK(quoted.find_first_of("\r\n") == std::string::npos);
    Cursor cursor(quoted);
    const auto wire = cursor.astring();
    CHECK(wire && cursor.at_end());
    const auto again = accessd::mailbox_name_from_wire(wire.value());
    // A trailing separator is taken off each time.
    CHECK(again && (again.value() == name || again.value() + "/" == name));
    (void)accessd::check_new_mailbox_name(name);
}

/// What a section is called in the reply asks for the same section.
void check_section(const accessd::SectionItem& item) {
    CHECK(item.part.size() <= accessd::kSectionDepthMax);
    CHECK(item.fields.size() <= accessd::kHeaderFieldsMax);
    if (!item.label.starts_with("BODY[")) {
        return;
    }
    std::string label = item.label;
    if (item.partial) {
        label.pop_back();
        label += "." + std::to_string(item.partial->count) + ">";
    }
    Cursor cursor(label);
    const auto again = accessd::parse_fetch_items(cursor);
    CHECK(again && cursor.at_end() && again.value().sections.size() == 1);
    CHECK(again.value().sections[0].label == item.label);
}

/// A truth that was known early stays when more is known.
void check_search(accessd::SearchProgram program) {
    constexpr std::string_view kMessage =
        "From: a@b\r\nSubject: x\r\nX-A: b\r\nDate: Mon, 2 Nov 2026 23:30:00 -0800\r\n\r\nbody\r\n";
    static const mail::Summary summary = mail::summarize(kMessage);
    static const accessd::SearchableText text = accessd::make_searchable(kMessage);
    program.resolve(10, 100);
    accessd::SearchSubject subject;
    subject.sequence = 5;
    subject.uid = 50;
    subject.flags = mail::Flags::Seen;
    subject.size_bytes = kMessage.size();
    const Truth early = program.evaluate(subject);
    subject.summary = &summary;
    const Truth later = program.evaluate(subject);
    subject.text = &text;
    const Truth last = program.evaluate(subject);
    CHECK(early == Truth::Unknown || early == later);
    CHECK(later == Truth::Unknown || later == last);
    CHECK(last != Truth::Unknown);
}

void check_notify(const accessd::NotifyArguments& arguments) {
    const accessd::NotifyWishes& wishes = arguments.wishes;
    const auto check_events = [](accessd::NotifyEvents events) {
        const bool fresh = events.has(accessd::NotifyEvent::MessageNew);
        CHECK(fresh == events.has(accessd::NotifyEvent::MessageExpunge));
        CHECK(fresh || !events.has(accessd::NotifyEvent::FlagChange));
    };
    CHECK(arguments.is_set || (!arguments.send_status && wishes.groups.empty()));
    CHECK(wishes.groups.size() <= accessd::kNotifyGroupsMax);
    check_events(wishes.selected);
    CHECK(!wishes.selected.has(accessd::NotifyEvent::MailboxName));
    if (wishes.of_message) {
        CHECK(!wishes.of_message->sets_seen());
        for (const accessd::SectionItem& item : wishes.of_message->sections) {
            check_section(item);
        }
    }
    for (const accessd::NotifyGroup& group : wishes.groups) {
        check_events(group.events);
        CHECK(group.names.size() <= accessd::kNotifyNamesMax);
        for (const std::string& name : group.names) {
            check_mailbox(name);
            // Who is named, or above, is told.
            accessd::NotifyEvents events = wishes.events_of(name, false);
            const accessd::NotifyEvents of_all = events;
            events.add(group.events);
            CHECK(events == of_all);
            events = wishes.events_of(name + "/below", true);
            const accessd::NotifyEvents of_below = events;
            events.add(group.events);
            CHECK(group.which != accessd::NotifyGroup::Which::Subtree || events == of_below);
        }
    }
}

void parse_everything(const Cursor& cursor) {
    const auto nothing = [](const auto&) {};
    try_parse(cursor, accessd::parse_login, nothing);
    try_parse(cursor, accessd::parse_authenticate, [](const auto& arguments) {
        if (arguments.initial_response) {
            const auto message = accessd::decode_base64(*arguments.initial_response);
            if (message) {
                (void)accessd::parse_plain_response(message.value());
            }
        }
    });
    try_parse(cursor, accessd::parse_mailbox_argument, check_mailbox);
    try_parse(cursor, accessd::parse_rename, [](const auto& names) {
        check_mailbox(names.first);
        check_mailbox(names.second);
    });
    try_parse(cursor, accessd::parse_list, [](const accessd::ListArguments& arguments) {
        const auto pattern = accessd::ListPattern::create(arguments.pattern);
        if (pattern && !arguments.is_root) {
            (void)pattern.value().matches("INBOX/a/b");
            // Without wildcards a pattern matches itself.
            CHECK(arguments.pattern.find_first_of("*%") != std::string::npos ||
                  pattern.value().matches(arguments.pattern));
        }
    });
    try_parse(cursor, accessd::parse_status, [](const accessd::StatusArguments& arguments) {
        check_mailbox(arguments.mailbox);
        CHECK(arguments.items != 0);
    });
    try_parse(cursor, accessd::parse_fetch, [](const accessd::FetchArguments& arguments) {
        CHECK(arguments.items.sections.size() <= accessd::kFetchItemsMax);
        for (const accessd::SectionItem& item : arguments.items.sections) {
            check_section(item);
        }
    });
    try_parse(cursor, accessd::parse_store, [](const accessd::StoreArguments& arguments) {
        CHECK(!arguments.flags.recent);
        CHECK(mail::parse_flag_list(mail::format_flag_list(arguments.flags)).value() ==
              arguments.flags);
    });
    try_parse(cursor, accessd::parse_copy, [](const auto& copy) { check_mailbox(copy.mailbox); });
    try_parse(cursor, accessd::parse_set_argument, nothing);
    try_parse(cursor, accessd::parse_id, nothing);
    try_parse(cursor, accessd::parse_notify, check_notify);
    try_parse(
        cursor,
        [](Cursor& at) -> base::Result<accessd::SearchProgram> {
            TRY(at.space());
            return accessd::SearchProgram::parse(at);
        },
        check_search);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string input(reinterpret_cast<const char*>(data), size);
    input += "\r\n";
    accessd::CommandReader reader(accessd::kCommandBytesMax);
    std::string_view rest = input;
    while (!rest.empty()) {
        const accessd::CommandReader::Step step = reader.feed(rest);
        rest.remove_prefix(step.consumed);
        switch (step.event) {
            case accessd::CommandReader::Event::NeedInput:
                break;
            case accessd::CommandReader::Event::Literal: {
                const auto plan = accessd::plan_literal(reader.text());
                if (!plan) {
                    check_error(plan.error());
                } else if (plan.value().use == accessd::LiteralUse::Message) {
                    check_mailbox(plan.value().append.mailbox);
                }
                (void)reader.accept_literal();
                break;
            }
            case accessd::CommandReader::Event::Command: {
                Cursor cursor(reader.text());
                if (accessd::parse_head(cursor)) {
                    parse_everything(cursor);
                }
                reader.next_command();
                break;
            }
            case accessd::CommandReader::Event::Rejected:
                reader.next_command();
                break;
            case accessd::CommandReader::Event::Overflow:
                return 0;
        }
    }
    return 0;
}
