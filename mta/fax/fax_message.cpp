#include "mta/fax/fax_message.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/clock.h"
#include "base/hash.h"
#include "mail/address.h"
#include "mail/ascii.h"
#include "mail/field_text.h"
#include "mta/fax/fax_number.h"
#include "mta/fax/fax_pdf.h"

namespace mta {

namespace {

constexpr std::size_t kFieldTextMax = 200;  // octets of one value in header and summary
constexpr std::size_t kKeyNameMax = 64;
constexpr std::size_t kDamageLinesMax = 20;  // damaged pages that the summary names one by one

std::string clean(std::string_view text) {
    return mail::clean_text(text.substr(0, kFieldTextMax));
}

void clean_call(FaxCall& call) {
    for (std::string* text : {&call.called,
                              &call.caller,
                              &call.caller_name,
                              &call.sender_id,
                              &call.subaddress,
                              &call.device,
                              &call.communication,
                              &call.line_error}) {
        *text = clean(*text);
    }
    // A number in its one form; a text that is none stays what it is.
    for (std::string* number : {&call.called, &call.caller}) {
        if (std::string normal = normal_fax_number(*number); !normal.empty()) {
            *number = std::move(normal);
        }
    }
}

struct Pages {
    std::size_t count = 0;
    std::vector<std::string> damage;  ///< a line for each damaged page
    std::string pdf;                  ///< empty: none
    std::string problem;              ///< why the file could not be read as a fax
    bool is_tiff = false;
};

// The pages, decoded once: for the verdicts and for the PDF.
base::Result<Pages> read_pages(FaxCall& call, std::string_view file, WithPdf with_pdf) {
    Pages pages;
    auto opened = TiffReader::open(file);
    if (!opened) {
        if (opened.error().code == base::Errc::TooLarge) {
            return std::move(opened).take_error();
        }
        pages.problem = opened.error().detail;
        return pages;
    }
    pages.is_tiff = true;
    complete_from_tags(call, opened.value().call());
    std::string created = base::format_utc(call.received.unix_seconds * 1'000'000);
    created = created.substr(0, 19) + "Z";
    FaxPdf pdf(created);
    while (const auto page = opened.value().next()) {
        ++pages.count;
        if (!page->is_good()) {
            pages.damage.push_back("page " + std::to_string(page->index + 1) + ": " + page->damage);
        }
        if (with_pdf == WithPdf::Yes) {
            pdf.add(*page);
        }
    }
    if (with_pdf == WithPdf::Yes) {
        // The TIFF is the fax: it is stored without a PDF rather than not at all.
        auto made = pdf.finish();
        pages.pdf = made ? std::move(made).take_value() : std::string();
    }
    return pages;
}

std::string duration_text(std::int64_t seconds) {
    const std::string rest = std::to_string(seconds % 60);
    return std::to_string(seconds / 60) + ":" + (rest.size() < 2 ? "0" : "") + rest + " minutes";
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
    return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

// Whom people take for the sender: the caller's number, else what the machine says of itself.
std::string sender_name(const FaxCall& call) {
    const std::string& number = call.caller.empty() ? call.sender_id : call.caller;
    if (call.caller_name.empty() || call.caller_name == number) {
        return number;
    }
    return number.empty() ? call.caller_name : call.caller_name + " " + number;
}

std::string from_address(const FaxCall& call, const FaxMessageOptions& options) {
    if (!options.from.empty()) {
        return options.from;
    }
    std::string number = normal_fax_number(call.caller);
    if (number.empty()) {
        number = normal_fax_number(call.sender_id);
    }
    return (number.empty() ? "fax" : number) + "@" + options.domain;
}

std::string line(std::string_view label, const std::string& value) {
    return value.empty() ? std::string() : std::string(label) + value + "\r\n";
}

std::string summary(const FaxCall& call, const Pages& pages, std::size_t size, bool pdf_left_out) {
    std::string out;
    out += line("Received:       ", mail::format_header_date(call.received));
    out += line("Called number:  ", call.called);
    out += line("Subaddress:     ", call.subaddress);
    out += line("Caller:         ", call.caller);
    out += line("Caller's name:  ", call.caller_name);
    out += line("Sending fax:    ", call.sender_id);
    if (pages.is_tiff) {
        out += line("Pages:          ", std::to_string(pages.count));
        out += line("Damaged pages:  ",
                    pages.damage.empty() ? "none" : std::to_string(pages.damage.size()));
    }
    if (call.duration_s) {
        out += line("Duration:       ", duration_text(*call.duration_s));
    }
    out += line("Device:         ", call.device);
    out += line("Call:           ", call.communication);
    out += line("Error:          ", call.line_error);
    if (!pages.is_tiff) {
        out += "\r\nThe received file is damaged: " + clean(pages.problem) +
               ". It is attached as it "
               "came\r\n(" +
               counted(size, "octet", "octets") + ").\r\n";
    } else if (!pages.damage.empty()) {
        out += "\r\nDamaged pages, marked in the PDF and shown as far as they could be read:\r\n";
        for (std::size_t i = 0; i < std::min(pages.damage.size(), kDamageLinesMax); ++i) {
            out += "  " + clean(pages.damage[i]) + "\r\n";
        }
        if (pages.damage.size() > kDamageLinesMax) {
            out += "  and " + std::to_string(pages.damage.size() - kDamageLinesMax) + " more\r\n";
        }
    }
    if (pdf_left_out) {
        out +=
            "\r\nThe PDF was left out: it could not be made, or would have made the message too\r\n"
            "large. The fax is in the TIFF.\r\n";
    }
    return out;
}

std::string subject(const FaxCall& call, const Pages& pages) {
    const std::string sender = sender_name(call);
    std::string out = "Fax";
    out += sender.empty() ? std::string() : " from " + sender;
    out += call.called.empty() ? std::string() : " to " + call.called;
    if (!pages.is_tiff) {
        return out + ": damaged file";
    }
    out += ", " + counted(pages.count, "page", "pages");
    if (!pages.damage.empty()) {
        out += " (" + std::to_string(pages.damage.size()) + " damaged)";
    }
    return out;
}

std::string optional_field(std::string_view name, const std::string& value) {
    return value.empty() ? std::string() : mail::text_field(name, value);
}

std::string fax_fields(const FaxCall& call, const Pages& pages) {
    std::string out;
    out += optional_field("X-Fax-Called", call.called);
    out += optional_field("X-Fax-Subaddress", call.subaddress);
    out += optional_field("X-Fax-Caller", call.caller);
    out += optional_field("X-Fax-Caller-Name", call.caller_name);
    out += optional_field("X-Fax-Sender-Id", call.sender_id);
    if (pages.is_tiff) {
        out += mail::text_field("X-Fax-Pages", std::to_string(pages.count));
        out += mail::text_field("X-Fax-Damaged-Pages", std::to_string(pages.damage.size()));
    } else {
        out += mail::text_field("X-Fax-Damaged-File", "yes");
    }
    if (call.duration_s) {
        out += mail::text_field("X-Fax-Duration", std::to_string(*call.duration_s));
    }
    out += optional_field("X-Fax-Device", call.device);
    out += optional_field("X-Fax-Communication-Id", call.communication);
    out += optional_field("X-Fax-Error", call.line_error);
    return out;
}

// "fax-20261125-224959-4930111": of digits alone, so that no mail program is in doubt about it.
std::string file_name(const FaxCall& call) {
    std::string stamp =
        base::format_utc((call.received.unix_seconds + call.received.zone_minutes * 60) * 1'000'000)
            .substr(0, 19);
    std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
    std::replace(stamp.begin(), stamp.end(), 'T', '-');
    std::string number = normal_fax_number(call.caller);
    std::erase(number, '+');
    return "fax-" + stamp + (number.empty() ? "" : "-" + number);
}

std::string attachment(std::string_view type, const std::string& name, std::string_view octets) {
    return "Content-Type: " + std::string(type) + ";\r\n name=\"" + name +
           "\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n "
           "filename=\"" +
           name + "\"\r\n\r\n" + base::base64_lines(octets);
}

std::string text_part(const std::string& text) {
    const bool ascii =
        std::all_of(text.begin(), text.end(), [](char c) { return !mail::is_8bit(c); });
    return std::string("Content-Type: text/plain; charset=") + (ascii ? "us-ascii" : "utf-8") +
           "\r\nContent-Transfer-Encoding: " + (ascii ? "7bit" : "base64") +
           "\r\nContent-Disposition: inline\r\n\r\n" + (ascii ? text : base::base64_lines(text));
}

base::Status set_attributes(mail::Attributes& out, const FaxCall& call, const Pages& pages) {
    const std::vector<std::pair<const char*, std::string>> values = {
        {"called", call.called},
        {"caller", call.caller},
        {"subaddress", call.subaddress},
        {"sender-id", call.sender_id},
        {"pages", std::to_string(pages.count)},
        {"damaged-pages", std::to_string(pages.is_tiff ? pages.damage.size() : std::size_t{1})},
        {"duration", call.duration_s ? std::to_string(*call.duration_s) : std::string()},
        {"device", call.device}};
    for (const auto& [name, value] : values) {
        if (!value.empty()) {
            TRY(out.set(name, value));
        }
    }
    return base::Done{};
}

}  // namespace

void complete_from_tags(FaxCall& call, const TiffCall& tags) {
    const auto fill = [](std::string& value, const std::string& from) {
        if (value.empty()) {
            value = clean(from);
        }
    };
    const auto call_id = [&](std::size_t number) {
        return number < tags.call_ids.size() ? tags.call_ids[number] : std::string();
    };
    fill(call.sender_id, tags.sender);
    fill(call.caller, call_id(0));
    fill(call.caller_name, call_id(1));
    fill(call.called, call_id(2));
    fill(call.subaddress, tags.subaddress);
    if (!call.duration_s && tags.receive_seconds) {
        call.duration_s = *tags.receive_seconds;
    }
}

base::Result<FaxMessage> compose_fax(FaxCall call,
                                     std::string_view file,
                                     const FaxMessageOptions& options) {
    const Pages pages = TRY(read_pages(call, file, options.with_pdf));
    clean_call(call);
    FaxMessage message;
    message.pages = pages.count;
    message.damaged_pages = pages.is_tiff ? pages.damage.size() : 1;
    message.from = from_address(call, options);
    TRY(set_attributes(message.attributes, call, pages));
    const std::string digest = base::to_hex(base::sha256(base::as_bytes(options.key)));
    // No line of base64 and none of the summary begins with "--=_".
    const std::string boundary = "=_fax_" + digest.substr(0, 32);
    const std::string name = file_name(call);
    const bool pdf_left_out = pages.is_tiff && pages.pdf.empty();
    std::string& out = message.octets;
    out = mail::address_field("From", sender_name(call), message.from);
    out += mail::address_field("To", {}, options.to);
    out += mail::text_field("Subject", subject(call, pages));
    out += mail::text_field("Date", mail::format_header_date(call.received));
    out += "Message-ID: <fax." + digest.substr(0, 40) + "@" + options.domain + ">\r\n";
    out += "MIME-Version: 1.0\r\nMessage-Context: fax-message\r\n";
    out += fax_fields(call, pages);
    out += "Content-Type: multipart/mixed;\r\n boundary=\"" + boundary + "\"\r\n\r\n";
    out += "--" + boundary + "\r\n" + text_part(summary(call, pages, file.size(), pdf_left_out));
    if (!pages.pdf.empty()) {
        out +=
            "\r\n--" + boundary + "\r\n" + attachment("application/pdf", name + ".pdf", pages.pdf);
    }
    out += "\r\n--" + boundary + "\r\n" +
           (pages.is_tiff ? attachment("image/tiff; application=faxbw", name + ".tif", file)
                          : attachment("application/octet-stream", name + ".tif", file));
    out += "\r\n--" + boundary + "--\r\n";
    return message;
}

std::string fax_key(std::string_view path, std::string_view file) {
    std::string_view name = path.substr(path.find_last_of('/') + 1);
    if (name.ends_with(".tif")) {
        name.remove_suffix(4);
    }
    return "fax/" + clean(name.substr(0, kKeyNameMax)) + "/" +
           base::to_hex(base::sha256(base::as_bytes(file)));
}

}  // namespace mta
