#include "message_guard.h"

#include <utility>

namespace herald::diameter {

namespace {

constexpr std::size_t kHeader = 20;
constexpr std::uint8_t kRequest = 0x80;
constexpr std::uint8_t kVendorFlag = 0x80;
constexpr std::uint8_t kMandatoryFlag = 0x40;
constexpr int kMaxDepth = 16;
constexpr std::uint32_t kUserDataAnswer = 306;

using Octets = std::span<std::uint8_t>;

std::uint32_t read24(Octets at) { return (std::uint32_t{at[0]} << 16U) | (std::uint32_t{at[1]} << 8U) | at[2]; }
std::uint32_t read32(Octets at) { return (std::uint32_t{at[0]} << 24U) | read24(at.subspan(1)); }
void write24(Octets at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 16U);
  at[1] = static_cast<std::uint8_t>(value >> 8U);
  at[2] = static_cast<std::uint8_t>(value);
}
void write32(Octets at, std::uint32_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 24U);
  write24(at.subspan(1), value);
}

struct Avp {
  Octets all;  // header and data, without padding
  Octets data;
  std::uint32_t code = 0;
  std::uint32_t vendor = 0;
  [[nodiscard]] std::uint8_t& flags() const { return all[4]; }
};

// The AVPs of a body or a group; nothing when the lengths do not add up.
std::optional<std::vector<Avp>> split(Octets body) {
  std::vector<Avp> avps;
  while (!body.empty()) {
    if (body.size() < 8) return std::nullopt;
    const std::size_t length = read24(body.subspan(5));
    const std::size_t header = (body[4] & kVendorFlag) != 0 ? 12 : 8;
    const auto padded = (length + 3) & ~std::size_t{3};
    if (length < header || padded > body.size()) return std::nullopt;
    Avp avp;
    avp.all = body.first(length);
    avp.data = avp.all.subspan(header);
    avp.code = read32(body);
    avp.vendor = header == 12 ? read32(body.subspan(8)) : 0;
    avps.push_back(avp);
    body = body.subspan(padded);
  }
  return avps;
}

class Guard {
 public:
  Guard(const MessageModels& models, GuardReport& report) : models_(models), report_(report) {}

  void answer_body(Octets body) {
    auto avps = split(body);
    if (!avps) return replace(body);
    for (auto& avp : *avps) check(avp, 1);
  }

  void request_body(Octets body) {
    if (const auto avps = split(body)) limit_depth(*avps, 1);
  }

  // The whole body as one AVP nobody knows. Its length needs no padding: it ends where the message ends.
  void replace(Octets body) {
    report_.body_replaced = true;
    if (body.size() < 8) {
      for (auto& octet : body) octet = 0;
      return;
    }
    write32(body, kSetAsideCode);
    body[4] = 0;
    write24(body.subspan(5), static_cast<std::uint32_t>(body.size()));
  }

 private:
  void set_aside(const Avp& avp) {
    if (report_.set_aside++ == 0) {
      report_.first_code = avp.code;
      report_.first_vendor = avp.vendor;
    }
    write32(avp.all, kSetAsideCode);
    avp.flags() &= static_cast<std::uint8_t>(~kMandatoryFlag);
  }

  void check(Avp& avp, int depth) {
    const auto* model = models_.find(avp.code, avp.vendor);
    if (model == nullptr) {
      if ((avp.flags() & kMandatoryFlag) != 0) set_aside(avp);
      return;
    }
    // V with vendor 0 finds a base AVP whose V flag is fixed to 0: it cannot be mended, the header has another size.
    const bool vendor_flag_fits = ((avp.flags() ^ model->flags) & model->fixed_flags & kVendorFlag) == 0;
    if (!vendor_flag_fits || (model->size != 0 && avp.data.size() != model->size) || depth > kMaxDepth) return set_aside(avp);
    avp.flags() = static_cast<std::uint8_t>((avp.flags() & ~model->fixed_flags) | (model->flags & model->fixed_flags));
    if (!model->grouped) return;
    auto children = split(avp.data);
    if (!children || !keeps_rules(*model, *children)) return set_aside(avp);
    for (auto& child : *children) check(child, depth + 1);
    // A child that was set aside is gone for the rules.
    for (auto& child : *children) child.code = read32(child.all);
    if (!keeps_rules(*model, *children)) set_aside(avp);
  }

  static bool keeps_rules(const AvpModel& model, const std::vector<Avp>& children) {
    for (const auto& rule : model.children) {
      int count = 0;
      int first = 0;
      for (std::size_t i = 0; i < children.size(); ++i) {
        if (children[i].code != rule.code || children[i].vendor != rule.vendor) continue;
        if (count++ == 0) first = static_cast<int>(i) + 1;
      }
      if (count < rule.min || (rule.max >= 0 && count > rule.max) || (rule.head > 0 && first > rule.head)) return false;
    }
    return true;
  }

  void limit_depth(const std::vector<Avp>& avps, int depth) {
    for (const auto& avp : avps) {
      const auto* model = models_.find(avp.code, avp.vendor);
      if (model == nullptr || !model->grouped) continue;
      if (depth > kMaxDepth) {
        set_aside(avp);
        continue;
      }
      if (const auto children = split(avp.data)) limit_depth(*children, depth + 1);
    }
  }

  const MessageModels& models_;
  GuardReport& report_;
};

}  // namespace

void MessageModels::add(std::uint32_t code, std::uint32_t vendor, AvpModel model) {
  avps_[(std::uint64_t{vendor} << 32U) | code] = std::move(model);
}

const AvpModel* MessageModels::find(std::uint32_t code, std::uint32_t vendor) const noexcept {
  const auto found = avps_.find((std::uint64_t{vendor} << 32U) | code);
  return found == avps_.end() ? nullptr : &found->second;
}

std::optional<GuardReport> guard_message(std::span<std::uint8_t> message, const MessageModels& models) {
  if (message.size() < kHeader) return std::nullopt;
  GuardReport report;
  report.answer = (message[4] & kRequest) == 0;
  report.command = read24(message.subspan(5));
  report.application = read32(message.subspan(8));
  report.end_to_end = read32(message.subspan(16));
  const auto body = message.subspan(kHeader);
  Guard guard(models, report);
  if (!report.answer) {
    guard.request_body(body);
  } else if (!models.knows_command(report.command)) {
    // Whatever this answers, its reader will find that it says nothing.
    write24(message.subspan(5), kUserDataAnswer);
    guard.replace(body);
  } else {
    guard.answer_body(body);
  }
  return report;
}

}  // namespace herald::diameter
