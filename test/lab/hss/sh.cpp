#include "hss/sh.h"

#include "dictionary/avp.h"
#include "dictionary/dictionary.h"
#include "hss/profile.h"
#include "hss/uri.h"

namespace herald::lab {

namespace {

using namespace diameter;

// TS 29.329 6.2, in Experimental-Result
constexpr std::uint32_t kUserUnknown = 5001;
constexpr std::uint32_t kOperationNotAllowed = 5101;
constexpr std::uint32_t kOutOfSync = 5105;
constexpr std::uint32_t kSubscribedDataAbsent = 5106;
constexpr std::uint32_t kNoSubscription = 5107;
constexpr std::uint32_t kUnableToComply = 5012;  // of the base protocol: in Result-Code

Reply refuse(Reply reply, std::uint32_t code) {
  reply.code = code;
  reply.experimental = true;
  return reply;
}

std::string text_at(msg* request, std::uint32_t code) {
  return std::string(text_of(find_child(request, code, kVendor3gpp)).value_or(""));
}

ShKey key_of(msg* request, std::uint32_t reference) {
  return {static_cast<DataReference>(reference), text_at(request, 704), text_at(request, 602)};
}

bool is_empty(const ShView& view) {
  return !view.with_identities && !view.ims_user_state && !view.scscf_name && !view.criteria && !view.repository_service;
}

}  // namespace

void Sh::serve(Server& server) {
  server.handle(306, kApplicationSh, "UDR", [this](msg* request) { return user_data(request); });
  server.handle(307, kApplicationSh, "PUR", [this](msg* request) { return profile_update(request); });
  server.handle(308, kApplicationSh, "SNR", [this](msg* request) { return subscribe_notifications(request); });
}

std::optional<Subscriber> Sh::user_of(msg* request, Reply& reply) const {
  auto* identity = find_child(request, 700, kVendor3gpp);
  if (identity == nullptr) return std::nullopt;
  if (const auto uri = text_of(find_child(identity, 601, kVendor3gpp))) {
    reply.note["public"] = *uri;
    return users_.by_public(*uri);
  }
  const auto tbcd = text_of(find_child(identity, 701, kVendor3gpp));
  if (!tbcd) return std::nullopt;
  const auto digits = msisdn_digits(*tbcd);
  reply.note["msisdn"] = digits;
  return users_.by_public("tel:+" + digits);
}

Reply Sh::user_data(msg* request) {
  Reply reply;
  const auto user = user_of(request, reply);
  auto references = nlohmann::ordered_json::array();
  ShView view;
  bool allowed = true;
  for (auto* item = find_child(request, 703, kVendor3gpp); item != nullptr; item = next_same(item)) {
    const auto reference = u32_of(item).value_or(~0U);
    references.push_back(reference);
    if (user) allowed = look_up(*user, key_of(request, reference), view) && allowed;
  }
  reply.note["data"] = references;
  if (const auto service = text_at(request, 704); !service.empty()) reply.note["service"] = service;
  if (!user) return refuse(std::move(reply), kUserUnknown);
  if (!allowed) return refuse(std::move(reply), kOperationNotAllowed);
  if (is_empty(view)) return reply;
  reply.payload = [xml = sh_data(view)](msg* answer) { return add_text(answer, 702, kVendor3gpp, xml); };
  return reply;
}

Reply Sh::profile_update(msg* request) {
  Reply reply;
  const auto user = user_of(request, reply);
  if (!user) return refuse(std::move(reply), kUserUnknown);
  if (u32_of(find_child(request, 703, kVendor3gpp)) != static_cast<std::uint32_t>(DataReference::repository_data))
    return refuse(std::move(reply), kOperationNotAllowed);
  const auto update = parse_repository_update(text_at(request, 702));
  if (!update) {
    reply.code = kUnableToComply;
    reply.note["text"] = update.error().text;
    return reply;
  }
  reply.note["service"] = update->service;
  reply.note["sequence"] = update->sequence;
  auto verdict = UpdateVerdict::apply;
  // Judged and applied under one lock: two writers race here as they do in a real HSS.
  users_.change(user->profile.private_id, [&](Subscriber& changed) {
    auto& entries = changed.profile.repository;
    const auto stored = entries.find(update->service);
    verdict = judge_update(stored == entries.end() ? nullptr : &stored->second, update->sequence, !update->xml);
    if (verdict != UpdateVerdict::apply) return;
    if (update->xml) {
      entries[update->service] = {update->sequence, *update->xml};
    } else {
      entries.erase(stored);
    }
  });
  if (verdict == UpdateVerdict::out_of_sync) return refuse(std::move(reply), kOutOfSync);
  if (verdict == UpdateVerdict::not_allowed) return refuse(std::move(reply), kOperationNotAllowed);
  return reply;
}

// One Data-Reference, as SH-03 wants without Notif-Eff.
Reply Sh::subscribe_notifications(msg* request) {
  Reply reply;
  const auto user = user_of(request, reply);
  const auto key = key_of(request, u32_of(find_child(request, 703, kVendor3gpp)).value_or(~0U));
  const bool ending = u32_of(find_child(request, 705, kVendor3gpp)).value_or(0) == 1;
  reply.note["data"] = static_cast<std::uint32_t>(key.reference);
  reply.note["subscribe"] = !ending;
  if (!user) return refuse(std::move(reply), kUserUnknown);
  ShView view;
  if (!look_up(*user, key, view)) return refuse(std::move(reply), kOperationNotAllowed);
  Subscription subscription{std::string(text_of(find_child(request, 264)).value_or("")),
                            std::string(text_of(find_child(request, 296)).value_or("")), user->profile.private_id,
                            user->profile.public_ids.front(), key};
  if (ending) return notifier_.unsubscribe(subscription) ? reply : refuse(std::move(reply), kNoSubscription);
  if (key.reference == DataReference::repository_data && is_empty(view)) return refuse(std::move(reply), kSubscribedDataAbsent);
  notifier_.subscribe(std::move(subscription));
  const bool with_data = u32_of(find_child(request, 710, kVendor3gpp)).value_or(0) == 1 && !is_empty(view);
  const auto expiry = text_at(request, 709);  // granted as asked
  reply.payload = [xml = with_data ? sh_data(view) : std::string(), expiry](msg* answer) {
    return (xml.empty() || add_text(answer, 702, kVendor3gpp, xml)) &&
           (expiry.empty() || add_text(answer, 709, kVendor3gpp, expiry));
  };
  return reply;
}

}  // namespace herald::lab
