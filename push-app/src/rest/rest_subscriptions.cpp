// GET /v1/subscriptions: who is subscribed to pushes now. Each user's are on his home shard, so a list without user goes from
// shard to shard.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "herald/sip_uri.h"
#include "push_servlet.h"
#include "pushes/submission.h"
#include "rest/rest_api.h"
#include "rest/rest_request.h"
#include "subscription/push_package.h"
#include "text/timestamps.h"

namespace herald::push {
namespace {

using Json = nlohmann::json;

// A call looks at no more than this; a page may then be short and still have a cursor.
constexpr std::size_t kMaxLookedAt = 2000;

struct Query {
  std::string user;         // canonical; empty: everybody
  std::string application;  // canonical; empty: all
  std::size_t limit = 50;
  unsigned shard = 0;  // where the last page ended
  std::string after;
};

// "SHARD.ID" of the last one shown.
Checked<void> read_cursor(std::string_view text, unsigned shards, Query& query) {
  if (text.empty()) return {};
  const auto dot = text.find('.');
  const auto bad = refuse(400, 2000, "cursor: not one of ours");
  if (dot == std::string_view::npos || text.size() > 64) return bad;
  const auto read = std::from_chars(text.data(), text.data() + dot, query.shard);
  if (read.ec != std::errc{} || read.ptr != text.data() + dot || query.shard >= shards) return bad;
  query.after = std::string(text.substr(dot + 1));
  return {};
}

Checked<Query> read_query(const HttpRequest& request, unsigned shards) {
  if (auto known = check_query(request, {"user", "app", "limit", "cursor"}); !known) return tl::unexpected(known.error());
  Query query;
  const auto limit = read_limit(request, 50, 200);
  if (!limit) return tl::unexpected(limit.error());
  query.limit = *limit;
  if (const auto user = query_value(request, "user"); !user.empty()) {
    auto recipient = parse_address(user, "user", 256);
    if (!recipient) return tl::unexpected(recipient.error());
    query.user = std::move(recipient->user);
  }
  query.application = canonical_application(query_value(request, "app"));
  if (auto cursor = read_cursor(query_value(request, "cursor"), shards, query); !cursor) return tl::unexpected(cursor.error());
  return query;
}

// What an initiator need not know: a user who refuses him politely, or what others push.
bool shown(const SubscriptionInfo& subscription, const Query& query, const Initiator* initiator) {
  std::string_view key = subscription.key;
  if (is_blocked_key(key)) {
    if (initiator != nullptr) return false;
    key.remove_prefix(1);
  }
  if (!query.application.empty() && key != query.application) return false;
  return initiator == nullptr || key == kAllApplications || check_application(*initiator, key).has_value();
}

Json to_json(const SubscriptionInfo& subscription) {
  const bool blocked = is_blocked_key(subscription.key);
  Json json{{"id", subscription.id},
            {"user", subscription.resource},
            {"app", blocked ? subscription.key.substr(1) : subscription.key},
            {"status", to_string(subscription.status)},
            {"subscriber", subscription.subscriber},
            {"contact", subscription.contact},
            {"created", to_rfc3339(subscription.created)},
            {"expires", to_rfc3339(subscription.expires)},
            {"accept", subscription.accept}};
  if (blocked) json["blocked"] = true;
  return json;
}

}  // namespace

Task<Expected<std::vector<SubscriptionInfo>>> RestApi::subscriptions_of_shard(Self self, unsigned shard, std::string user,
                                                                              std::string after, std::size_t limit) {
  auto promise = std::make_shared<Promise<std::vector<SubscriptionInfo>>>();
  auto future = promise->future();
  const bool taken =
      self->context_.post(shard, [user = std::move(user), after = std::move(after), limit, promise](SipServlet& servlet) {
        auto* scheduler = static_cast<PushServlet&>(servlet).scheduler();
        if (scheduler == nullptr) return;  // stopping
        promise->set(scheduler->subscriptions(user, after, limit));
      });
  if (!taken) co_return fail(ErrorCode::busy, "a shard takes no more work");
  promise.reset();
  co_return co_await future;
}

Task<HttpResponse> RestApi::list_subscriptions(Self self, Caller caller, HttpRequest request) {
  const auto shards = self->context_.shard_count();
  auto query = read_query(request, shards);
  if (!query) co_return to_response(query.error());
  if (caller.initiator != nullptr && !query->application.empty()) {
    if (auto allowed = check_application(*caller.initiator, query->application); !allowed) co_return to_response(allowed.error());
  }
  const auto home = query->user.empty() ? 0U : self->context_.home_shard(query->user);
  if (!query->user.empty()) query->shard = home;
  auto list = Json::array();
  std::string next;
  std::size_t looked_at = 0;
  while (query->shard < shards && next.empty()) {
    const auto wanted = query->limit - list.size() + 1;
    const auto page = co_await subscriptions_of_shard(self, query->shard, query->user, query->after, wanted);
    if (self->stopped_) co_return to_response({503, 4001, "the node is shutting down", std::chrono::seconds(2)});
    if (!page) co_return to_response({503, 4001, "a shard is overloaded", std::chrono::seconds(1)});
    for (const auto& subscription : *page) {
      if (list.size() >= query->limit) {
        next = std::to_string(query->shard) + "." + query->after;
        break;
      }
      query->after = subscription.id;
      ++looked_at;
      if (shown(subscription, *query, caller.initiator)) list.push_back(to_json(subscription));
    }
    if (!next.empty()) break;
    if (page->size() < wanted) {  // that was all of this shard
      if (!query->user.empty()) break;
      ++query->shard;
      query->after.clear();
    } else if (looked_at >= kMaxLookedAt) {
      next = std::to_string(query->shard) + "." + query->after;
    }
  }
  Json body{{"subscriptions", std::move(list)}};
  if (!next.empty()) body["next"] = next;
  co_return HttpResponse::json(200, body.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace herald::push
