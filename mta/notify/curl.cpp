#include "mta/notify/curl.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include <curl/curl.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/endpoint.h"
#include "base/handle.h"

namespace mta {

namespace {

using Handle = base::Handle<CURL, curl_easy_cleanup>;
using List = base::Handle<curl_slist, curl_slist_free_all>;

constexpr int kSmtpPermanent = 500;

// How far a submission has come.
enum class MailStage : std::uint8_t { Greeting, Recipient, Data };

// What the callbacks of one transfer share.
struct Transfer {
    const Reach* reach = nullptr;
    Wire wire = Wire::Plain;
    bool forbidden = false;
    bool endless = false;
    std::size_t received = 0;
    const std::string* upload = nullptr;
    std::size_t uploaded = 0;
    MailStage stage = MailStage::Greeting;
    std::string said;  // the last line by which the smarthost refused, kSaidMax octets of it
};

curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* address) noexcept {
    auto& transfer = *static_cast<Transfer*>(context);
    const base::Endpoint target = base::Endpoint::from_sockaddr(address->addr);
    const bool internet = address->family == AF_INET || address->family == AF_INET6;
    if (!internet || !transfer.reach->rule.permits(target.address(), transfer.wire)) {
        transfer.forbidden = true;
        return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

std::size_t drop(char*, std::size_t size, std::size_t count, void* context) noexcept {
    auto& transfer = *static_cast<Transfer*>(context);
    transfer.received += size * count;
    transfer.endless = transfer.received > kReplyMax;
    return transfer.endless ? 0 : size * count;
}

std::size_t give(char* out, std::size_t size, std::size_t count, void* context) noexcept {
    auto& transfer = *static_cast<Transfer*>(context);
    const std::size_t part = std::min(size * count, transfer.upload->size() - transfer.uploaded);
    std::memcpy(out, transfer.upload->data() + transfer.uploaded, part);
    transfer.uploaded += part;
    return part;
}

std::string printable(std::string_view text) {
    std::string out(text.substr(0, kSaidMax));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return out;
}

// libcurl tells of commands and replies only here. The commands hold credentials: nothing is kept.
int follow_dialogue(
    CURL*, curl_infotype type, char* data, std::size_t size, void* context) noexcept {
    auto& transfer = *static_cast<Transfer*>(context);
    std::string_view line(data, size);
    if (type == CURLINFO_HEADER_OUT && line.starts_with("RCPT ")) {
        transfer.stage = MailStage::Recipient;
    } else if (type == CURLINFO_HEADER_OUT && line.starts_with("DATA")) {
        transfer.stage = MailStage::Data;
    } else if (type == CURLINFO_HEADER_IN && (line.starts_with('4') || line.starts_with('5'))) {
        transfer.said = printable(line.substr(0, line.find_first_of("\r\n")));
    }
    return 0;
}

// Whether a reply of 5xx is about us, not about this recipient or message (RFC 4954 6, RFC 3463
// 3.8). Then the settings are wrong, and what waits is told when they are mended.
bool is_about_us(long status, const Transfer& transfer) {
    const bool wants_login = status == 530 || status == 535 || status == 538;
    const bool relays_not = transfer.stage == MailStage::Recipient && transfer.said.size() > 4 &&
                            std::string_view(transfer.said).substr(4).starts_with("5.7.");
    return transfer.stage == MailStage::Greeting || wants_login || relays_not;
}

int look_up_from_work(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
    const auto& transfer = *static_cast<const Transfer*>(context);
    const std::atomic<bool>* stop = transfer.reach->stop;
    return stop != nullptr && stop->load() ? 1 : 0;
}

// A setting that this libcurl does not know would leave a hole: the process ends.
template <typename T>
void set(CURL* curl, CURLoption option, T value) {
    CHECK(curl_easy_setopt(curl, option, value) == CURLE_OK);
}

Handle new_handle() {
    static std::once_flag once;
    std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
    Handle curl(curl_easy_init());
    CHECK(curl != nullptr);
    return curl;
}

void prepare(CURL* curl, Transfer& transfer, const std::string& url, const char* protocols) {
    const Reach& reach = *transfer.reach;
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(reach.deadline).count();
    set(curl, CURLOPT_URL, url.c_str());
    set(curl, CURLOPT_PROTOCOLS_STR, protocols);
    set(curl, CURLOPT_FOLLOWLOCATION, 0L);
    set(curl, CURLOPT_PROXY, "");
    set(curl, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(curl, CURLOPT_NOSIGNAL, 1L);
    set(curl, CURLOPT_QUICK_EXIT, 1L);  // else it waits for the thread that looks a name up
    set(curl, CURLOPT_FRESH_CONNECT, 1L);
    set(curl, CURLOPT_FORBID_REUSE, 1L);
    set(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    set(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    set(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    set(curl, CURLOPT_TIMEOUT_MS, std::max(1L, static_cast<long>(milliseconds)));
    set(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    set(curl, CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
    set(curl, CURLOPT_WRITEFUNCTION, drop);
    set(curl, CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
    set(curl, CURLOPT_NOPROGRESS, 0L);
    set(curl, CURLOPT_XFERINFOFUNCTION, look_up_from_work);
    set(curl, CURLOPT_XFERINFODATA, static_cast<void*>(&transfer));
    if (!reach.ca_file.empty()) {
        set(curl, CURLOPT_CAINFO, reach.ca_file.c_str());
        set(curl, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
}

base::Error to_error(CURLcode code, const Transfer& transfer) {
    if (transfer.forbidden) {
        return {base::Errc::Refused,
                transfer.wire == Wire::Plain
                    ? "the target's address is not in an allowed network, and only there is plain "
                      "text allowed"
                    : "the target's address is private and not in an allowed network"};
    }
    if (transfer.endless) {
        return {base::Errc::TooLarge, "the answer does not end"};
    }
    const std::string text = curl_easy_strerror(code);
    switch (code) {
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_URL_MALFORMAT:
            return {base::Errc::Invalid, text};
        case CURLE_OPERATION_TIMEDOUT:
            return {base::Errc::Timeout, text};
        case CURLE_ABORTED_BY_CALLBACK:
            return {base::Errc::Cancelled, "shutting down"};
        default:
            return {base::Errc::Unavailable, text};
    }
}

bool is_plain(std::string_view url) {
    return url.starts_with("http://") || url.starts_with("smtp://");
}

bool has_line_end(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

long status_of(CURL* curl) {
    long status = 0;
    CHECK(curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK);
    return status;
}

}  // namespace

base::Result<HttpReply> http_post(const HttpRequest& request, const Reach& reach) {
    const Handle curl = new_handle();
    Transfer transfer;
    transfer.reach = &reach;
    transfer.wire = is_plain(request.url) ? Wire::Plain : Wire::Tls;
    List headers(curl_slist_append(nullptr, "Expect:"));  // no 100-continue: the bodies are small
    CHECK(headers != nullptr);
    for (const std::string& header : request.headers) {
        CHECK(!has_line_end(header));
        CHECK(curl_slist_append(headers.get(), header.c_str()) != nullptr);
    }
    prepare(curl.get(), transfer, request.url, "http,https");
    set(curl.get(), CURLOPT_POST, 1L);
    set(curl.get(), CURLOPT_POSTFIELDS, request.body.data());
    set(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    set(curl.get(), CURLOPT_USERAGENT, "Roundtable");
    const CURLcode code = curl_easy_perform(curl.get());
    if (code != CURLE_OK) {
        return to_error(code, transfer);
    }
    HttpReply reply;
    reply.status = static_cast<int>(status_of(curl.get()));
    curl_off_t wait = 0;
    if (curl_easy_getinfo(curl.get(), CURLINFO_RETRY_AFTER, &wait) == CURLE_OK && wait > 0) {
        reply.retry_after_s = std::min<std::int64_t>(wait, kRetryAfterMax);
    }
    return reply;
}

base::Status submit_mail(const MailSubmission& mail, const Reach& reach) {
    if (has_line_end(mail.recipient) || mail.recipient.find_first_of("<> ") != std::string::npos) {
        return base::Error{base::Errc::Invalid, "the recipient is no address"};
    }
    const Handle curl = new_handle();
    Transfer transfer;
    transfer.reach = &reach;
    transfer.wire = is_plain(mail.smarthost) ? Wire::Plain : Wire::Tls;
    transfer.upload = &mail.message;
    const std::string recipient = "<" + mail.recipient + ">";
    const List recipients(curl_slist_append(nullptr, recipient.c_str()));
    CHECK(recipients != nullptr);
    // The path of the URL is the name for EHLO.
    prepare(curl.get(), transfer, mail.smarthost + "/" + mail.host_name, "smtp,smtps");
    if (transfer.wire == Wire::Plain) {
        constexpr long kLevels[] = {CURLUSESSL_ALL, CURLUSESSL_TRY, CURLUSESSL_NONE};
        set(curl.get(), CURLOPT_USE_SSL, kLevels[static_cast<std::size_t>(mail.tls)]);
    }
    if (!mail.user.empty()) {
        set(curl.get(), CURLOPT_USERNAME, mail.user.c_str());
        set(curl.get(), CURLOPT_PASSWORD, mail.password.c_str());
    }
    set(curl.get(), CURLOPT_VERBOSE, 1L);
    set(curl.get(), CURLOPT_DEBUGFUNCTION, follow_dialogue);
    set(curl.get(), CURLOPT_DEBUGDATA, static_cast<void*>(&transfer));
    set(curl.get(), CURLOPT_MAIL_FROM, "");
    set(curl.get(), CURLOPT_MAIL_RCPT, recipients.get());
    set(curl.get(), CURLOPT_UPLOAD, 1L);
    set(curl.get(), CURLOPT_READFUNCTION, give);
    set(curl.get(), CURLOPT_READDATA, static_cast<void*>(&transfer));
    set(curl.get(), CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(mail.message.size()));
    const CURLcode code = curl_easy_perform(curl.get());
    if (code == CURLE_OK) {
        return base::Done{};
    }
    base::Error error = to_error(code, transfer);
    const long status = status_of(curl.get());
    if (error.code == base::Errc::Unavailable && status != 0) {
        const std::string number = std::to_string(status);
        error.detail = "the smarthost answered " +
                       (transfer.said.starts_with(number) ? transfer.said : number);
        if (status >= kSmtpPermanent && !is_about_us(status, transfer)) {
            error.code = base::Errc::Refused;
        }
    }
    return error;
}

}  // namespace mta
