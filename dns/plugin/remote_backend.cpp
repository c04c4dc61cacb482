#include "dns/plugin/remote_backend.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "dns/plugin/content_text.h"
#include "dns/plugin/json_text.h"

namespace dns::plugin {
namespace {

// Zones that one round of notifications is told of; the rest have their turn in the next.
constexpr std::size_t kUpdatedMax = 1000;
constexpr std::string_view kBegin = R"({"result":)";
constexpr std::string_view kEnd = "}\n";

BackendReply nothing(CallOutcome outcome = CallOutcome::Nothing) {
    return {outcome, "{\"result\":false}\n", nullptr};
}

BackendReply success() {
    return {CallOutcome::Answered, "{\"result\":true}\n", nullptr};
}

BackendReply not_ready() {
    return {CallOutcome::NotReady, "{\"error\":\"the keys have not been read yet\"}\n", nullptr};
}

std::optional<Name> name_in(const RemoteRequest& request, std::string_view parameter) {
    const auto text = request.text(parameter);
    auto name = text ? Name::from_text(*text) : Name();
    if (!text || !name) {
        return std::nullopt;
    }
    return std::move(name).take_value();
}

// The zone with the number that the request gives, if it still is one.
std::optional<std::uint32_t> zone_in(const RemoteRequest& request,
                                     std::string_view parameter,
                                     const BackendView& view) {
    const Name* const apex = view.ids.apex_of(request.number(parameter).value_or(kNoZoneId));
    return apex == nullptr ? std::nullopt : find_zone(view.snapshot, *apex);
}

// Metadata that follows from how we sign: kind and value.
std::vector<std::pair<std::string_view, std::string_view>> metadata_of(const ZoneSigning* zone) {
    std::vector<std::pair<std::string_view, std::string_view>> found;
    if (zone == nullptr) {
        return found;
    }
    if (zone->narrow_nsec3) {
        found.emplace_back("NSEC3PARAM", "1 0 0 -");  // RFC 9276 3.1
        found.emplace_back("NSEC3NARROW", "1");
    }
    if (zone->publishes_cds) {
        found.emplace_back("PUBLISH-CDNSKEY", "1");
        found.emplace_back("PUBLISH-CDS", "2");  // SHA-256
    }
    return found;
}

bool lacks_keys(const BackendView& view) {
    return view.keys == KeyUse::Given && view.signing == nullptr;
}

const ZoneSigning* signing_of(const RemoteRequest& request, const BackendView& view) {
    const auto name = name_in(request, "name");
    return name && view.signing != nullptr ? view.signing->find(*name) : nullptr;
}

// Relative to the zone, as PowerDNS has it; the apex is "".
std::string relative_text(const Name& name, const Name& apex) {
    std::string text = name.to_text();
    const std::string end = "." + apex.to_text();
    if (name == apex || !text.ends_with(end)) {
        return {};
    }
    text.resize(text.size() - end.size());
    return text;
}

}  // namespace

std::string_view call_outcome_name(CallOutcome outcome) noexcept {
    constexpr std::array<std::string_view, kCallOutcomes> kNames = {
        "answered", "nothing", "unknown", "malformed", "not_ready"};
    return kNames[static_cast<std::size_t>(outcome)];
}

RemoteBackend::Method RemoteBackend::find_method(std::string_view name) {
    static const std::map<std::string_view, Method> kMethods = {
        {"initialize", &RemoteBackend::initialize},
        {"lookup", &RemoteBackend::lookup},
        {"APILookup", &RemoteBackend::lookup},
        {"list", &RemoteBackend::list},
        {"getDomainInfo", &RemoteBackend::domain_info},
        {"getAllDomains", &RemoteBackend::all_domains},
        {"getUpdatedMasters", &RemoteBackend::updated_domains},
        {"setNotified", &RemoteBackend::set_notified},
        {"getDomainMetadata", &RemoteBackend::metadata},
        {"getAllDomainMetadata", &RemoteBackend::all_metadata},
        {"getDomainKeys", &RemoteBackend::keys},
        {"getBeforeAndAfterNamesAbsolute", &RemoteBackend::neighbours}};
    const auto found = kMethods.find(name);
    return found == kMethods.end() ? nullptr : found->second;
}

BackendReply RemoteBackend::answer(std::string_view line, const BackendView& view) {
    const auto request = RemoteRequest::parse(line);
    if (!request) {
        return nothing(CallOutcome::Malformed);
    }
    const Method method = find_method(request.value().method());
    return method == nullptr ? nothing(CallOutcome::Unknown)
                             : (this->*method)(request.value(), view);
}

BackendReply RemoteBackend::initialize(const RemoteRequest& /*request*/,
                                       const BackendView& /*view*/) {
    return success();
}

BackendReply RemoteBackend::lookup(const RemoteRequest& request, const BackendView& view) {
    const auto name = name_in(request, "qname");
    const auto type = asked_type(request.text("qtype").value_or(""));
    if (!name || !type) {
        return nothing();
    }
    const FoundRecords found = reader_.lookup(
        view.snapshot,
        *name,
        type.value(),
        zone_in(request, "zone-id", view),
        Asker::read(request.text("remote").value_or(""), request.text("real-remote").value_or("")));
    if (found.records.empty()) {
        return nothing();
    }
    const std::int64_t id = view.ids.id_of(view.snapshot.names().zone(found.zone).apex());
    BackendReply reply{CallOutcome::Answered, std::string(kBegin), nullptr};
    reply.text.push_back('[');
    bool first = true;
    for (const ZoneRecord& record : found.records) {
        append_record(reply.text, record, id, first);
    }
    reply.text.push_back(']');
    reply.text += kEnd;
    return reply;
}

BackendReply RemoteBackend::list(const RemoteRequest& request, const BackendView& view) {
    const auto name = name_in(request, "zonename");
    const auto zone = name ? find_zone(view.snapshot, *name) : std::nullopt;
    if (!zone) {
        return nothing();
    }
    return {CallOutcome::Answered, {}, list_zone(view.snapshot, *zone, view.ids.id_of(*name))};
}

ZoneInfo RemoteBackend::info_of(const BackendView& view, std::uint32_t zone) const {
    ZoneInfo info;
    info.apex = view.snapshot.names().zone(zone).apex();
    info.id = view.ids.id_of(info.apex);
    info.serial = view.snapshot.serial(zone);
    const auto told = notified_.find(info.id);
    info.notified = told == notified_.end() ? 0 : told->second;
    return info;
}

BackendReply RemoteBackend::domain_info(const RemoteRequest& request, const BackendView& view) {
    const auto name = name_in(request, "name");
    const auto zone = name ? find_zone(view.snapshot, *name) : std::nullopt;
    if (!zone) {
        return nothing();
    }
    BackendReply reply{CallOutcome::Answered, std::string(kBegin), nullptr};
    append_zone_info(reply.text, info_of(view, *zone));
    reply.text += kEnd;
    return reply;
}

BackendReply RemoteBackend::all_domains(const RemoteRequest& /*request*/, const BackendView& view) {
    std::vector<ZoneInfo> zones;
    for (std::uint32_t zone = 0; zone < view.snapshot.names().zones().size(); ++zone) {
        zones.push_back(info_of(view, zone));
    }
    return {CallOutcome::Answered, {}, list_zones(std::move(zones))};
}

BackendReply RemoteBackend::updated_domains(const RemoteRequest& /*request*/,
                                            const BackendView& view) {
    std::vector<ZoneInfo> zones;
    const auto count = static_cast<std::uint32_t>(view.snapshot.names().zones().size());
    for (std::uint32_t zone = 0; zone < count && zones.size() < kUpdatedMax; ++zone) {
        ZoneInfo info = info_of(view, zone);
        if (info.id != kNoZoneId && info.serial != info.notified) {
            zones.push_back(std::move(info));
        }
    }
    return {CallOutcome::Answered, {}, list_zones(std::move(zones))};
}

BackendReply RemoteBackend::set_notified(const RemoteRequest& request, const BackendView& view) {
    const std::int64_t id = request.number("id").value_or(kNoZoneId);
    const auto serial = request.number("serial");
    if (view.ids.apex_of(id) == nullptr || !serial || *serial < 0 || *serial > UINT32_MAX) {
        return nothing();
    }
    notified_[id] = static_cast<std::uint32_t>(*serial);
    return success();
}

BackendReply RemoteBackend::metadata(const RemoteRequest& request, const BackendView& view) {
    if (lacks_keys(view)) {
        return not_ready();
    }
    const auto kind = request.text("kind");
    for (const auto& [name, value] : metadata_of(signing_of(request, view))) {
        if (kind == name) {
            BackendReply reply{CallOutcome::Answered, std::string(kBegin), nullptr};
            reply.text.push_back('[');
            append_json(reply.text, value);
            reply.text.push_back(']');
            reply.text += kEnd;
            return reply;
        }
    }
    return nothing();
}

BackendReply RemoteBackend::all_metadata(const RemoteRequest& request, const BackendView& view) {
    if (lacks_keys(view)) {
        return not_ready();
    }
    BackendReply reply{CallOutcome::Answered, std::string(kBegin), nullptr};
    reply.text.push_back('{');
    for (const auto& [name, value] : metadata_of(signing_of(request, view))) {
        if (reply.text.back() != '{') {
            reply.text.push_back(',');
        }
        append_json_key(reply.text, name);
        reply.text.push_back('[');
        append_json(reply.text, value);
        reply.text.push_back(']');
    }
    reply.text.push_back('}');
    reply.text += kEnd;
    return reply;
}

BackendReply RemoteBackend::keys(const RemoteRequest& request, const BackendView& view) {
    if (lacks_keys(view)) {
        return not_ready();
    }
    const ZoneSigning* const zone = signing_of(request, view);
    if (view.keys == KeyUse::None || zone == nullptr) {
        return nothing();
    }
    BackendReply reply{CallOutcome::Answered, std::string(kBegin), nullptr};
    reply.text.push_back('[');
    for (const PluginKey& key : zone->keys) {
        if (reply.text.back() != '[') {
            reply.text.push_back(',');
        }
        reply.text += R"({"id":)";
        append_json(reply.text, key.id);
        reply.text += R"(,"flags":)";
        append_json(reply.text, std::int64_t{key.flags});
        reply.text += key.active ? R"(,"active":true)" : R"(,"active":false)";
        reply.text += key.published ? R"(,"published":true)" : R"(,"published":false)";
        reply.text += R"(,"content":)";
        append_json(reply.text, key.content);
        reply.text.push_back('}');
    }
    reply.text.push_back(']');
    reply.text += kEnd;
    return reply;
}

BackendReply RemoteBackend::neighbours(const RemoteRequest& request, const BackendView& view) {
    const auto zone = zone_in(request, "id", view);
    const auto text = request.text("qname");
    if (!zone || !text) {
        return nothing();
    }
    const ZoneImage& image = view.snapshot.names().zone(*zone);
    const std::string_view label = text->ends_with('.') ? text->substr(0, text->size() - 1) : *text;
    auto name = label.empty() ? image.apex() : Name::from_text(label, image.apex());
    if (!name) {
        return nothing();
    }
    const Neighbours found = neighbours_of(image, name.value());
    BackendReply reply{CallOutcome::Answered, std::string(kBegin), nullptr};
    reply.text += R"({"unhashed":)";
    append_json(reply.text, *text);
    reply.text += R"(,"before":)";
    append_json(reply.text, relative_text(found.before, image.apex()));
    reply.text += R"(,"after":)";
    append_json(reply.text, relative_text(found.after, image.apex()));
    reply.text += "}";
    reply.text += kEnd;
    return reply;
}

}  // namespace dns::plugin
