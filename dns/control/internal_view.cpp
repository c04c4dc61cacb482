#include "dns/control/internal_view.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "dns/transfer/transfer_view.h"

namespace dns {

InternalView::InternalView(base::Loop& loop,
                           base::DbPool& pool,
                           Options options,
                           std::unique_ptr<InternalServer> server)
    : loop_(loop),
      key_names_(std::move(options.keys)),
      server_(std::move(server)),
      keeper_(pool,
              options.directory,
              {[this](auto view) { server_->set_view(std::move(view)); },
               [this] {
                   checked_at_ = base::monotonic_now();
                   set_certainty();
               }}) {
}

base::Result<std::unique_ptr<InternalView>> InternalView::create(base::Loop& loop,
                                                                 base::DbPool& pool,
                                                                 Options options) {
    auto server = TRY(InternalServer::create(loop, options.server));
    return std::unique_ptr<InternalView>(
        new InternalView(loop, pool, std::move(options), std::move(server)));
}

base::Status InternalView::start() {
    return keeper_.start(loop_);
}

void InternalView::take_keys(const transfer::TransferConfig& config) {
    std::vector<transfer::KeyConfig> found;
    for (const std::string& name : key_names_) {
        const auto key = std::ranges::find(config.keys, name, &transfer::KeyConfig::name);
        if (key != config.keys.end()) {
            found.push_back(*key);
        }
    }
    if (found == keys_) {
        return;
    }
    keys_ = std::move(found);
    std::vector<TsigKey> keys;
    for (const transfer::KeyConfig& config_of_one : keys_) {
        auto key = transfer::tsig_key(config_of_one);
        if (key) {
            keys.push_back(std::move(key).take_value());
        } else {
            base::log::error("dns", "internal-key-refused", {{"error", key.error()}});
        }
    }
    if (keys_.size() < key_names_.size()) {
        base::log::warning("dns",
                           "internal-keys-missing",
                           {{"listed", key_names_.size()}, {"found", keys_.size()}});
    }
    server_->set_keys(TsigKeys(std::move(keys)));
}

void InternalView::set_certainty() {
    const bool sure = checked_at_ && base::monotonic_now() - *checked_at_ < kSureFor;
    server_->set_certainty(sure ? Certainty::Sure : Certainty::Unsure);
}

}  // namespace dns
