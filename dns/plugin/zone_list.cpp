#include "dns/plugin/zone_list.h"

#include <utility>

#include "dns/plugin/content_text.h"
#include "dns/plugin/json_text.h"
#include "dns/wire.h"

namespace dns::plugin {
namespace {

constexpr std::size_t kNodesPerPiece = 64;
constexpr std::size_t kZonesPerPiece = 256;
constexpr std::string_view kBegin = R"({"result":[)";
constexpr std::string_view kEnd = "]}\n";

class ZonePieces final : public ReplyPieces {
  public:
    ZonePieces(const Snapshot& snapshot, std::uint32_t zone, std::int64_t zone_id)
        : zone_(snapshot.names().zones()[zone]), serial_(snapshot.serial(zone)), zone_id_(zone_id) {
        const ZoneParts& steering = snapshot.parts(zone);
        mail_ = steering.mail == nullptr ? nullptr : steering.mail->canonical();
        access_ = steering.access == nullptr ? nullptr : steering.access->canonical();
    }

    bool next(std::string& out) override {
        if (at_ == 0) {
            out += kBegin;
        }
        const auto nodes = zone_->nodes();
        ZoneRecords records;
        const auto steered = [this](const SetRef& set, const Name& owner, ZoneRecords& to) {
            const bool is_mail = set.steered == SteeredKind::Mx;
            const transfer::SharedSteered& part = is_mail ? mail_ : access_;
            if (part != nullptr) {
                for (const std::string& data : part->data[static_cast<std::size_t>(set.steered)]) {
                    to.push_back({owner, set.type, part->ttl, data, true, 0});
                }
            }
        };
        for (const std::size_t end = std::min(at_ + kNodesPerPiece, nodes.size()); at_ < end;
             ++at_) {
            add_node(*zone_,
                     nodes[at_],
                     static_cast<std::uint16_t>(RrType::Any),
                     serial_,
                     steered,
                     records);
        }
        for (const ZoneRecord& record : records) {
            if (record.type != kEmptyNonTerminal) {  // a list has none: PowerDNS finds them itself
                append_record(out, record, zone_id_, first_);
            }
        }
        if (at_ < nodes.size()) {
            return true;
        }
        out += kEnd;
        return false;
    }

  private:
    std::shared_ptr<const ZoneImage> zone_;
    transfer::SharedSteered mail_;
    transfer::SharedSteered access_;
    std::uint32_t serial_;
    std::int64_t zone_id_;
    std::size_t at_ = 0;
    bool first_ = true;
};

class ZonesPieces final : public ReplyPieces {
  public:
    explicit ZonesPieces(std::vector<ZoneInfo> zones) : zones_(std::move(zones)) {}

    bool next(std::string& out) override {
        if (at_ == 0) {
            out += kBegin;
        }
        for (const std::size_t end = std::min(at_ + kZonesPerPiece, zones_.size()); at_ < end;
             ++at_) {
            if (at_ != 0) {
                out.push_back(',');
            }
            append_zone_info(out, zones_[at_]);
        }
        if (at_ < zones_.size()) {
            return true;
        }
        out += kEnd;
        return false;
    }

  private:
    std::vector<ZoneInfo> zones_;
    std::size_t at_ = 0;
};

}  // namespace

void append_record(std::string& out, const ZoneRecord& record, std::int64_t zone_id, bool& first) {
    Content content;
    if (record.type != kEmptyNonTerminal) {
        auto made = content_of(record.type, record.data);
        if (!made) {
            return;  // one record less, and not a name that PowerDNS cannot answer for at all
        }
        content = std::move(made).take_value();
    }
    if (!std::exchange(first, false)) {
        out.push_back(',');
    }
    out += R"({"qtype":)";
    append_json(out, content.type);
    out += R"(,"qname":)";
    append_json(out, record.owner.to_text());
    out += R"(,"content":)";
    append_json(out, content.text);
    out += R"(,"ttl":)";
    append_json(out, std::int64_t{record.ttl});
    out += record.authoritative ? R"(,"auth":1)" : R"(,"auth":0)";
    if (zone_id != kNoZoneId) {
        out += R"(,"domain_id":)";
        append_json(out, zone_id);
    }
    if (record.scope != 0) {
        out += R"(,"scopeMask":)";
        append_json(out, std::int64_t{record.scope});
    }
    out.push_back('}');
}

void append_zone_info(std::string& out, const ZoneInfo& info) {
    out += R"({"id":)";
    append_json(out, info.id);
    out += R"(,"zone":)";
    append_json(out, info.apex.to_text());
    out += R"(,"kind":"master","serial":)";
    append_json(out, std::int64_t{info.serial});
    out += R"(,"notified_serial":)";
    append_json(out, std::int64_t{info.notified});
    out += R"(,"last_check":0,"masters":[]})";
}

std::unique_ptr<ReplyPieces> list_zone(const Snapshot& snapshot,
                                       std::uint32_t zone,
                                       std::int64_t zone_id) {
    return std::make_unique<ZonePieces>(snapshot, zone, zone_id);
}

std::unique_ptr<ReplyPieces> list_zones(std::vector<ZoneInfo> zones) {
    return std::make_unique<ZonesPieces>(std::move(zones));
}

}  // namespace dns::plugin
