#include "dns/transfer/zone_stream.h"

#include "dns/limits.h"
#include "dns/serial.h"
#include "dns/transfer/message_packer.h"

namespace dns::transfer {

std::string_view transfer_kind_name(TransferKind kind) noexcept {
    switch (kind) {
        case TransferKind::Whole:
            return "whole";
        case TransferKind::Delta:
            return "delta";
        case TransferKind::UpToDate:
            break;
    }
    return "up-to-date";
}

ZoneStream::ZoneStream(const TransferRequest& request,
                       SharedZone zone,
                       std::optional<TsigSigner> signer,
                       WallClock clock,
                       std::shared_ptr<const void> keep,
                       PlannedFunction on_planned)
    : request_(request),
      question_(request.question.begin(), request.question.end()),
      zone_(std::move(zone)),
      signer_(std::move(signer)),
      clock_(std::move(clock)),
      keep_(std::move(keep)),
      on_planned_(std::move(on_planned)),
      at_({}) {
    request_.question = question_;
}

void ZoneStream::plan() {
    add_soa(zone_->fixed->soa, zone_->serial);
    if (request_.type == RrType::Ixfr) {
        // A serial that is ahead of ours, too: nothing that we have is newer (RFC 1995 2).
        if (!is_newer_serial(zone_->serial, request_.serial)) {
            kind_ = TransferKind::UpToDate;
            return;
        }
        if (const auto delta = delta_since(*zone_, request_.serial)) {
            kind_ = TransferKind::Delta;
            plan_delta(*delta);
            return;
        }
    }
    // Of the zone's own memory: a large one is not copied.
    parts_.emplace_back(zone_, &zone_->fixed->records);
    add_part(zone_->steered_records());
    add_soa(zone_->fixed->soa, zone_->serial);
}

void ZoneStream::plan_delta(const ZoneDelta& delta) {
    add_soa(delta.from_soa, delta.from_serial);
    add_part(delta.records.removed);
    add_soa(zone_->fixed->soa, zone_->serial);
    add_part(delta.records.added);
    add_soa(zone_->fixed->soa, zone_->serial);
}

void ZoneStream::add_soa(const SoaContent& soa, std::uint32_t serial) {
    RecordList list;
    list.add(zone_->apex().wire(),
             static_cast<std::uint16_t>(RrType::Soa),
             soa.ttl,
             soa_data(soa, serial));
    add_part(std::move(list));
}

void ZoneStream::add_part(RecordList list) {
    parts_.push_back(std::make_shared<const RecordList>(std::move(list)));
}

void ZoneStream::skip_empty_parts() {
    while (at_ == parts_[part_]->end() && part_ + 1 < parts_.size()) {
        ++part_;
        at_ = parts_[part_]->begin();
    }
}

ReplyStream::Piece ZoneStream::next(std::span<std::byte> out) {
    if (is_first_) {
        plan();
        at_ = parts_.front()->begin();
        if (on_planned_) {
            on_planned_(*this);
        }
    }
    const std::size_t reserved = signer_ ? tsig_record_size(signer_->key()) : 0;
    MessagePacker packer(request_, out, reserved, is_first_);
    is_first_ = false;
    skip_empty_parts();
    while (at_ != parts_[part_]->end()) {
        if (!packer.add(*at_)) {
            break;
        }
        ++at_;
        skip_empty_parts();
    }
    if (packer.empty()) {
        return {State::Failed, 0};  // a record that no message holds
    }
    const std::size_t size = sign(out, packer.finish());
    return {at_ == parts_[part_]->end() ? State::Last : State::More, size};
}

ReplyStream::Piece ZoneStream::refuse(std::span<std::byte> out) {
    MessagePacker packer(request_, out, signer_ ? tsig_record_size(signer_->key()) : 0, true);
    return {State::Last, sign(out, packer.refuse(Rcode::ServFail, ExtendedError::NotReady))};
}

std::size_t ZoneStream::sign(std::span<std::byte> out, std::size_t size) {
    return signer_ ? signer_->sign(out, size, clock_()) : size;
}

}  // namespace dns::transfer
