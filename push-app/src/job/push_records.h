// How pushes lie in the store: keys, terms and the record codec. Nothing else knows the layout.
//
//   push         partition = id = push id           never changes after acceptance; due = when it may be purged
//                term i=INITIATOR
//   delivery     partition = push id, id = push id + 6 digits: by age in every scan; one per recipient; changes by
//                compare-and-set only. Terms a=USER, and "open" until it is final: what a start restores
//   idempotency  partition = initiator, id = digest of the key; due = when it is forgotten
//   external_id  partition = initiator, id = digest of the initiator's own push-id (PAP-30); due = with its push
//   staging      partition = id = push id: a push whose deliveries are being written in several batches, or whose predecessor is
//                being cancelled. While it exists there is no push record and nothing of it is sent; due = when it began
#pragma once

#include <string>
#include <string_view>

#include "herald/expected.h"
#include "herald/store.h"
#include "push/push_job.h"

namespace herald::push {

inline constexpr std::string_view kPushTable = "push";
inline constexpr std::string_view kDeliveryTable = "delivery";
inline constexpr std::string_view kIdempotencyTable = "idempotency";
inline constexpr std::string_view kExternalTable = "external_id";
inline constexpr std::string_view kStagingTable = "staging";
inline constexpr std::string_view kOpenTerm = "open";
// Cause of a delivery that a pending_only replacement leaves out.
inline constexpr std::string_view kNotPendingCause = "replace:not_pending";

[[nodiscard]] Key push_key(std::string_view id);
[[nodiscard]] Key delivery_key(std::string_view push, std::uint32_t index);
[[nodiscard]] Key idempotency_key(std::string_view initiator, std::string_view client_key);
[[nodiscard]] Key external_key(std::string_view initiator, std::string_view external_id);
[[nodiscard]] Key staging_key(std::string_view id);
[[nodiscard]] std::string initiator_term(std::string_view initiator);
[[nodiscard]] std::string user_term(std::string_view canonical_user);

[[nodiscard]] std::string encode(const PushJob& job);
[[nodiscard]] Expected<PushJob> decode_push(const Record& record);

[[nodiscard]] std::string encode(const Delivery& delivery);
[[nodiscard]] Expected<Delivery> decode_delivery(const Record& record);

// What a repeated Idempotency-Key, or the initiator's own push-id, is compared with.
struct IdempotencyEntry {
  std::string push;
  std::string body_digest;
  WallTime accepted{};
};
[[nodiscard]] std::string encode(const IdempotencyEntry& entry);
[[nodiscard]] Expected<IdempotencyEntry> decode_idempotency(const Record& record);

// A push that is about to be accepted.
struct Acceptance {
  PushJob job;
  WallTime purge_at{};
  std::string idempotency;  // id of its record; empty: no key was given
  WallTime forget_at{};     // of the key
  std::string body_digest;
  bool pending_only = false;  // replaces only what is still pending (PAP-34)
  bool decided = false;       // every delivery is written: it will be accepted, whatever happens
};
[[nodiscard]] std::string encode(const Acceptance& acceptance);
[[nodiscard]] Expected<Acceptance> decode_acceptance(const Record& record);
[[nodiscard]] Put staging_put_of(const Acceptance& acceptance);
// The names it was given by its initiator: a conflict says that one of them is taken.
void add_names(Batch& batch, const Acceptance& acceptance);

[[nodiscard]] Put put_of(const PushJob& job, WallTime purge_at);
[[nodiscard]] Put put_of(const IdempotencyEntry& entry, Key key, WallTime forget_at);
[[nodiscard]] Put first_put_of(const Delivery& delivery);
// Expects the version the delivery was read with.
[[nodiscard]] Put next_put_of(const Delivery& delivery);

// The shortest partition a store takes: an operator's pushes have no initiator.
[[nodiscard]] std::string_view initiator_or_operator(std::string_view initiator) noexcept;

// Lower-case hex of SHA-256.
[[nodiscard]] std::string digest(std::string_view bytes);

}  // namespace herald::push
