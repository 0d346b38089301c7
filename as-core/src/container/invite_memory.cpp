#include "container/invite_memory.h"

#include <algorithm>
#include <utility>

#include "dialog/dialog_state.h"

namespace herald::container {
namespace {

// 64*T1 with the T1 of RFC 3261: so long a UAS repeats its 2xx.
constexpr Duration kRepeats = std::chrono::seconds(32);
constexpr Duration kRings = std::chrono::minutes(4);  // longer than a proxy's Timer C
constexpr std::size_t kBranches = 8;                  // of one forked INVITE

std::string call_id_of(const SipMessage& message) { return std::string(message.headers.get("Call-ID").value_or("")); }
std::string from_tag(const SipMessage& message) { return dialog::tag_of(message.headers.get("From").value_or("")); }
std::string to_tag(const SipMessage& message) { return dialog::tag_of(message.headers.get("To").value_or("")); }

}  // namespace

void InviteMemory::sent(const SipMessage& invite) {
  const auto cseq = dialog::CSeq::parse(invite.headers.get("CSeq").value_or(""));
  if (!cseq) return;
  const auto call_id = call_id_of(invite);
  auto& entry = entries_[call_id];
  entry.local_tag = from_tag(invite);
  entry.cseq = cseq->number;
  keep_until(call_id, entry, clock_.now() + kRings);
  sweep();
}

InviteMemory::Entry* InviteMemory::find(const SipMessage& message) {
  const auto found = entries_.find(call_id_of(message));
  // An answered one is over long before its place in the order comes.
  if (found == entries_.end() || found->second.until <= clock_.now()) return nullptr;
  if (found->second.local_tag != from_tag(message)) return nullptr;
  return &found->second;
}

void InviteMemory::keep_until(const std::string& call_id, Entry& entry, TimePoint until) {
  entry.until = until;
  order_.emplace_back(until, call_id);
}

void InviteMemory::sweep() {
  const auto now = clock_.now();
  while (!order_.empty() && (order_.front().first <= now || entries_.size() > max_ || order_.size() > 4 * max_)) {
    const auto [until, call_id] = std::move(order_.front());
    order_.pop_front();
    const auto found = entries_.find(call_id);
    if (found != entries_.end() && found->second.until == until) entries_.erase(found);
  }
}

void InviteMemory::answered(const SipMessage& response) {
  auto* entry = find(response);
  if (entry == nullptr) return;
  if (response.status() < 300 && entry->acks.size() < kBranches) entry->acks.try_emplace(to_tag(response));
  keep_until(call_id_of(response), *entry, clock_.now() + kRepeats);
}

void InviteMemory::acknowledged(const SipMessage& ack) {
  auto* entry = find(ack);
  if (entry == nullptr) return;
  const auto found = entry->acks.find(to_tag(ack));
  if (found != entry->acks.end()) found->second = ack;
}

std::optional<InviteMemory::Reply> InviteMemory::reply_to(const SipMessage& success) {
  sweep();
  auto* entry = find(success);
  const auto cseq = dialog::CSeq::parse(success.headers.get("CSeq").value_or(""));
  const auto tag = to_tag(success);
  if (entry == nullptr || !cseq || cseq->number != entry->cseq || tag.empty()) return std::nullopt;
  if (const auto found = entry->acks.find(tag); found != entry->acks.end()) {
    if (!found->second) return std::nullopt;
    return Reply{*found->second, std::nullopt};
  }
  if (entry->acks.size() >= kBranches) return std::nullopt;
  dialog::DialogState dialog;
  dialog.call_id = call_id_of(success);
  dialog.local_tag = entry->local_tag;
  dialog.local_address = dialog::without_tag(success.headers.get("From").value_or(""));
  dialog.remote_address = dialog::without_tag(success.headers.get("To").value_or(""));
  dialog.local_cseq = cseq->number;
  if (!dialog::complete_uac_dialog(dialog, success)) return std::nullopt;
  Reply reply;
  reply.ack = dialog.make_request("ACK");
  reply.ack.headers.set("CSeq", std::to_string(cseq->number) + " ACK");
  dialog.local_cseq = cseq->number;
  reply.bye = dialog.make_request("BYE");
  entry->acks.emplace(tag, reply.ack);
  keep_until(dialog.call_id, *entry, clock_.now() + kRepeats);
  return reply;
}

}  // namespace herald::container
