#include "storage/path/health.h"

namespace storage {

std::string_view store_state_name(StoreState state) noexcept {
    switch (state) {
        case StoreState::Healthy:
            return "healthy";
        case StoreState::Suspect:
            return "suspect";
        case StoreState::Out:
            return "out";
    }
    return "unknown";
}

}  // namespace storage
