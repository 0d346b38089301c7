#include "pushes/recipient_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace herald::push {
namespace {

constexpr std::size_t kPerTurn = 400;

std::string member_of(std::size_t index) { return "to[" + std::to_string(index) + "]"; }

// Until the executor has done what else there is.
Future<void> next_turn() {
  auto promise = std::make_shared<Promise<void>>();
  auto turn = promise->future();
  Executor::current()->complete([promise] { promise->set({}); });
  return turn;
}

}  // namespace

JsonRecipients::JsonRecipients(std::shared_ptr<const std::string> text, RecipientText where, std::size_t max_address)
    : text_(std::move(text)), where_(where), max_address_(max_address), at_(where.begin) {}

void JsonRecipients::rewind() noexcept {
  at_ = where_.begin;
  index_ = 0;
}

// The parser has seen that nothing but texts stands here.
std::optional<std::string> JsonRecipients::next_text() {
  const std::string_view text = *text_;
  while (at_ < text.size() && text[at_] != '"' && text[at_] != ']') ++at_;
  if (at_ >= text.size() || text[at_] == ']') return std::nullopt;
  const auto begin = at_++;
  bool escaped = false;
  while (at_ < text.size() && text[at_] != '"') {
    if (text[at_] == '\\') {
      escaped = true;
      ++at_;
    }
    ++at_;
  }
  if (at_ >= text.size()) return std::nullopt;
  const auto token = text.substr(begin, ++at_ - begin);
  if (!escaped) return std::string(token.substr(1, token.size() - 2));
  const auto value = nlohmann::json::parse(token, nullptr, /*allow_exceptions=*/false);
  return value.is_string() ? value.get<std::string>() : std::string();
}

Checked<std::vector<Recipient>> JsonRecipients::read(std::size_t most) {
  std::vector<Recipient> recipients;
  recipients.reserve(std::min(most, where_.count - std::min(index_, where_.count)));
  while (recipients.size() < most) {
    const auto text = next_text();
    if (!text) break;
    auto recipient = parse_address(*text, member_of(index_), max_address_);
    if (!recipient) return tl::unexpected(recipient.error());
    recipients.push_back(std::move(*recipient));
    ++index_;
  }
  return recipients;
}

std::vector<Recipient> JsonRecipients::next(std::size_t most) {
  auto recipients = read(most);
  return recipients ? std::move(*recipients) : std::vector<Recipient>();
}

namespace {

// Two with equal hashes are most probably the same; whether they are, the addresses tell.
Task<Checked<void>> check_twice(std::shared_ptr<JsonRecipients> recipients, std::vector<std::size_t> suspects) {
  recipients->rewind();
  std::vector<std::string> seen;
  std::size_t index = 0;
  for (auto some = recipients->next(kPerTurn); !some.empty(); some = recipients->next(kPerTurn)) {
    for (auto& recipient : some) {
      if (std::binary_search(suspects.begin(), suspects.end(), std::hash<std::string>{}(recipient.user))) {
        if (std::find(seen.begin(), seen.end(), recipient.user) != seen.end()) {
          co_return refuse(400, 2002, member_of(index) + ": the same recipient twice");
        }
        seen.push_back(std::move(recipient.user));
      }
      ++index;
    }
    co_await next_turn();
  }
  co_return Checked<void>();
}

}  // namespace

Task<Checked<void>> check_recipients(std::shared_ptr<JsonRecipients> recipients, RecipientRule rule) {
  recipients->rewind();
  std::vector<std::size_t> hashes;
  hashes.reserve(recipients->size());
  for (;;) {
    const auto some = recipients->read(kPerTurn);
    if (!some) co_return tl::unexpected(some.error());
    if (some->empty()) break;
    for (const auto& recipient : *some) {
      if (rule) {
        if (auto allowed = rule(recipient); !allowed) {
          auto problem = allowed.error();
          problem.detail = member_of(hashes.size()) + ": " + problem.detail;
          co_return tl::unexpected(problem);
        }
      }
      hashes.push_back(std::hash<std::string>{}(recipient.user));
    }
    co_await next_turn();
  }
  std::sort(hashes.begin(), hashes.end());
  std::vector<std::size_t> suspects;
  for (auto at = hashes.begin(); (at = std::adjacent_find(at, hashes.end())) != hashes.end();) {
    suspects.push_back(*at);
    at = std::find_if(at, hashes.end(), [value = *at](std::size_t other) { return other != value; });
    if (suspects.size() > 1000) break;  // nobody lists that many by chance: the first of them decides
  }
  if (!suspects.empty()) {
    auto once = co_await check_twice(recipients, std::move(suspects));
    if (!once) co_return once;
  }
  recipients->rewind();
  co_return Checked<void>();
}

}  // namespace herald::push
