#include "mta/fax/fax_report.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/base64.h"
#include "base/hash.h"
#include "mail/ascii.h"
#include "mail/attributes.h"
#include "mail/field_text.h"

namespace mta {

namespace {

constexpr std::size_t kDetailMax = 300;

struct Word {
    std::string_view why;
    const char* code;     // RFC 3463
    const char* meaning;  // for the sender
};

// notify(8).
constexpr std::array kWords{
    Word{"failed", "5.4.0", "the fax could not be sent"},
    Word{"rejected", "5.7.0", "the fax server rejected the job"},
    Word{"removed", "5.0.0", "the job was removed from the queue of the fax server"},
    Word{"killed", "5.0.0", "the job was killed by an operator of the fax server"},
    Word{"timedout", "5.4.7", "the fax could not be sent in time"},
    Word{"unknown", "5.4.0", "nobody knows what became of it"},
    Word{"format_failed", "5.6.3", "a document could not be converted to a fax"},
    Word{"no_formatter", "5.6.3", "the fax server cannot convert a document of this kind"},
    Word{"unsupported", "5.6.1", "the message has nothing that can be faxed"},
};

const Word& word_of(std::string_view why) {
    for (const Word& word : kWords) {
        if (word.why == why) {
            return word;
        }
    }
    return kWords.front();
}

// A field of message/delivery-status: one line of ASCII.
std::string status_field(std::string_view name, std::string_view value) {
    std::string text = mail::clean_text(value);
    for (char& c : text) {
        c = c < 0x20 || c > 0x7e ? '?' : c;
    }
    return std::string(name) + ": " + text + "\r\n";
}

std::string title(const FaxReport& report) {
    if (report.end == FaxEnd::Delivered) {
        return "Fax sent to ";
    }
    return report.why == "unknown" ? "Fax perhaps not sent to " : "Fax not sent to ";
}

std::string words_for_people(const FaxReport& report) {
    const std::string detail = mail::clean_text(report.detail.substr(0, kDetailMax));
    std::string out = "Your fax to " + report.number;
    if (report.end == FaxEnd::Delivered) {
        out += " was sent.\r\n";
    } else if (report.why == "unknown") {
        out +=
            " may have been sent, or not: nobody knows any more. Please ask the recipient "
            "before\r\n"
            "you send it again.\r\n";
    } else {
        out += " was not sent: " + std::string(word_of(report.why).meaning) + ".\r\n";
    }
    if (!report.subject.empty()) {
        out += "\r\nSubject:   " + report.subject + "\r\n";
    }
    if (!detail.empty()) {
        out += "\r\nThe fax server says: " + detail + "\r\n";
    }
    out += "\r\nHanded in: " + mail::format_header_date(report.arrived) +
           "\r\nEnded:     " + mail::format_header_date(report.ended) + "\r\n";
    return out;
}

std::string answer_fields(const FaxReport& report) {
    return report.message_id.empty() ? std::string()
                                     : "In-Reply-To: " + report.message_id +
                                           "\r\nReferences: " + report.message_id + "\r\n";
}

// What is kept of the header of the sender's message (RFC 6522 4).
std::string known_header(const FaxReport& report) {
    std::string out = mail::address_field("From", {}, report.sender);
    out += mail::address_field("To", {}, report.number + "@" + report.domain);
    if (!report.subject.empty()) {
        out += mail::text_field("Subject", report.subject);
    }
    if (!report.message_id.empty()) {
        out += "Message-ID: " + report.message_id + "\r\n";
    }
    return out;
}

}  // namespace

std::string report_key(std::string_view job_key) {
    return "fax-dsn/" + std::string(job_key.substr(job_key.find('/') + 1));
}

std::string fax_status_code(FaxEnd end, std::string_view why) {
    return end == FaxEnd::Delivered ? "2.0.0" : word_of(why).code;
}

std::string compose_report(const FaxReport& report) {
    const std::string digest = base::to_hex(base::sha256(base::as_bytes(report.key)));
    const std::string boundary = "=_fax_" + digest.substr(0, 32);
    const bool delivered = report.end == FaxEnd::Delivered;
    const std::string text = words_for_people(report);
    const bool ascii = std::none_of(text.begin(), text.end(), mail::is_8bit);
    std::string out = mail::address_field("From", "Fax", "fax@" + report.domain);
    out += mail::address_field("To", {}, report.sender);
    out += mail::text_field("Subject", title(report) + report.number);
    out += mail::text_field("Date", mail::format_header_date(report.ended));
    out += "Message-ID: <fax-dsn." + digest.substr(0, 40) + "@" + report.domain + ">\r\n";
    out += answer_fields(report);
    out += "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";
    out += "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"" +
           boundary + "\"\r\n\r\n--" + boundary + "\r\n";
    out += std::string("Content-Type: text/plain; charset=") + (ascii ? "us-ascii" : "utf-8") +
           "\r\nContent-Transfer-Encoding: " + (ascii ? "7bit" : "base64") + "\r\n\r\n" +
           (ascii ? text : base::base64_lines(text));
    out += "\r\n--" + boundary + "\r\nContent-Type: message/delivery-status\r\n\r\n";
    out += status_field("Reporting-MTA", "dns; " + report.host);
    out += status_field("Arrival-Date", mail::format_header_date(report.arrived));
    // Not Original-Envelope-Id: that is what the sender's SMTP client said as ENVID (RFC
    // 3464 2.2.1).
    out += status_field("X-Fax-Job", report.key);
    out += "\r\n";
    out += status_field("Original-Recipient", "rfc822; " + report.number + "@" + report.domain);
    out += status_field("Final-Recipient", "x-fax; " + report.number);
    out += status_field("Action", delivered ? "delivered" : "failed");
    out += status_field("Status", fax_status_code(report.end, report.why));
    out += status_field("Diagnostic-Code",
                        "x-hylafax; " + report.why + " " + report.detail.substr(0, kDetailMax));
    out += status_field("Last-Attempt-Date", mail::format_header_date(report.ended));
    out += "\r\n--" + boundary + "\r\nContent-Type: text/rfc822-headers\r\n\r\n";
    out += known_header(report);
    out += "\r\n--" + boundary + "--\r\n";
    return out;
}

}  // namespace mta
