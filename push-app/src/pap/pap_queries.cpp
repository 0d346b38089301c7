// cancel-message, statusquery-message, ccq-message. PAP-35, PAP-41; status-mapping.md 1, 9.
#include <algorithm>
#include <map>
#include <utility>

#include "initiator/initiator_auth.h"
#include "pap/pap_application.h"
#include "pap/pap_capabilities.h"
#include "pap/pap_endpoint.h"
#include "pap/pap_info.h"
#include "pap/pap_result.h"

namespace herald::push {
namespace {

// One answer lists no more; more addresses are asked for by name.
constexpr std::size_t kMaxListed = 20000;
constexpr std::size_t kPage = 500;

struct Named {
  std::vector<Recipient> recipients;
  std::vector<std::pair<std::string, Problem>> bad;  // address-value and what is wrong with it
};

Named read_named(const std::vector<std::string>& values, const pap::AddressRules& rules) {
  Named out;
  for (const auto& value : values) {
    auto recipient = pap::read_address(value, rules);
    if (!recipient) {
      out.bad.emplace_back(value, recipient.error());
      continue;
    }
    recipient->given = value;  // PAP-54: as this request wrote it
    out.recipients.push_back(std::move(*recipient));
  }
  return out;
}

std::string shown_address(const Delivery& delivery) { return delivery.given.empty() ? delivery.address : delivery.given; }

// Addresses with the same outcome share one cancel-result.
class CancelResults {
 public:
  void add(int code, std::string desc, std::string address) {
    auto& group = groups_[code];
    group.code = code;
    if (group.desc.empty()) group.desc = std::move(desc);
    if (!address.empty()) group.addresses.push_back(std::move(address));
  }
  [[nodiscard]] std::vector<pap::CancelAnswer::Result> take() {
    std::vector<pap::CancelAnswer::Result> out;
    for (auto& [code, group] : groups_) out.push_back(std::move(group));
    return out;
  }

 private:
  std::map<int, pap::CancelAnswer::Result> groups_;
};

// PAP-35: 2008 came with 2.0.
int too_late_code(pap::Version version) { return version == pap::Version::v1_0 ? 3003 : 2008; }

WallTime since(const Delivery& delivery) {
  for (auto line = delivery.history.rbegin(); line != delivery.history.rend(); ++line) {
    if (line->status == delivery.status) return line->at;
  }
  return delivery.updated;
}

pap::StatusAnswer::Result result_of(const Delivery& delivery, const std::optional<pap::Quality>& quality, std::string address) {
  pap::StatusAnswer::Result out;
  out.state = pap::message_state(delivery.status);
  out.code = pap_code(delivery);
  out.desc = delivery.cause;
  out.addresses.push_back(std::move(address));
  out.at = since(delivery);
  out.quality = quality;
  return out;
}

pap::StatusAnswer::Result unknown(int code, std::string desc, std::vector<std::string> addresses) {
  pap::StatusAnswer::Result out;
  out.state = "unknown";
  out.code = code;
  out.desc = std::move(desc);
  out.addresses = std::move(addresses);
  return out;
}

}  // namespace

Task<Checked<std::vector<Delivery>>> PapEndpoint::all_deliveries(Self self, std::string id, std::string owner) {
  std::vector<Delivery> out;
  std::string cursor;
  do {
    auto name = id;
    std::optional<std::string> of(owner);
    if (auto open = self->still_open(); !open) co_return tl::unexpected(open.error());
    auto page = co_await PushService::view(self->service_, std::move(name), std::move(of), kPage, cursor);
    if (!page) co_return tl::unexpected(page.error());
    if (page->job.recipients > kMaxListed) {
      co_return refuse(422, 3003, "more than " + std::to_string(kMaxListed) + " addresses: name those you ask about");
    }
    std::move(page->deliveries.begin(), page->deliveries.end(), std::back_inserter(out));
    cursor = page->next;
  } while (!cursor.empty());
  co_return out;
}

Task<PapEndpoint::Answer> PapEndpoint::cancel(Self self, const Call* call, pap::Cancel cancel) {
  auto named = read_named(cancel.addresses, self->address_rules(*call->config));
  CancelResults results;
  for (auto& [address, problem] : named.bad) results.add(problem.code, problem.detail, address);
  std::optional<std::chrono::seconds> retry_after;
  const auto late = too_late_code(call->version);
  if (cancel.addresses.empty()) {
    CancelRequest request;
    request.id = cancel.push_id;
    request.owner = call->initiator->name;
    const auto done = co_await PushService::cancel(self->service_, std::move(request));
    if (!done) {
      results.add(done.error().code, done.error().detail, {});
      retry_after = done.error().retry_after;
    } else {
      auto owner = call->initiator->name;
      const auto all = co_await all_deliveries(self, done->view.job.id, std::move(owner));
      if (all) {
        for (const auto& one : *all) results.add(one.status == Status::cancelled ? 1000 : late, {}, shown_address(one));
      } else {
        if (done->cancelled > 0) results.add(1000, {}, {});
        if (done->too_late > 0) results.add(late, {}, {});
      }
    }
  }
  for (std::size_t at = 0; at < named.recipients.size() && !self->stopped_; at += PushService::kMaxNamed) {
    const auto begin = named.recipients.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end =
        named.recipients.begin() + static_cast<std::ptrdiff_t>(std::min(at + PushService::kMaxNamed, named.recipients.size()));
    CancelRequest request;
    request.id = cancel.push_id;
    request.owner = call->initiator->name;
    request.recipients.assign(begin, end);
    const auto done = co_await PushService::cancel(self->service_, std::move(request));
    if (!done) {
      for (auto one = begin; one != end; ++one) results.add(done.error().code, done.error().detail, one->given);
      retry_after = done.error().retry_after;
      continue;
    }
    for (const auto& one : done->recipients) {
      if (!one.delivery) {
        results.add(2003, "not an address of this push", one.asked.given);
      } else {
        results.add(one.cancelled ? 1000 : late, {}, one.asked.given);
      }
    }
  }
  pap::CancelAnswer out;
  out.push_id = std::move(cancel.push_id);
  if (self->stopped_) results.add(4001, "the node is shutting down", {});
  out.results = results.take();
  Answer answer;
  answer.body = std::move(out);
  answer.retry_after = retry_after;
  co_return answer;
}

Task<PapEndpoint::Answer> PapEndpoint::query_status(Self self, const Call* call, pap::StatusQuery query) {
  pap::StatusAnswer out;
  out.push_id = query.push_id;
  Answer answer;
  const auto failed = [&](const Problem& problem, std::vector<std::string> addresses) {
    out.results.push_back(unknown(problem.code, problem.detail, std::move(addresses)));
    answer.retry_after = problem.retry_after;
  };
  auto id = query.push_id;
  std::optional<std::string> owner(call->initiator->name);
  const auto head = co_await PushService::view(self->service_, std::move(id), std::move(owner), 1, std::string());
  if (!head) {
    failed(head.error(), query.addresses);
    answer.body = std::move(out);
    co_return answer;
  }
  const auto info = pap::parse_info(head->job.external_info);
  const auto left_out = [&info](const std::string& address) {
    return std::find(info.refused.begin(), info.refused.end(), address) != info.refused.end();
  };
  const auto add_left_out = [&out](const std::string& address) {
    auto result = unknown(2002, {}, {address});
    result.state = pap::message_state(Status::rejected);
    out.results.push_back(std::move(result));
  };
  if (query.addresses.empty()) {
    auto mine = call->initiator->name;
    const auto all = co_await all_deliveries(self, head->job.id, std::move(mine));
    if (!all) {
      failed(all.error(), {});
    } else {
      for (const auto& one : *all) out.results.push_back(result_of(one, info.quality, shown_address(one)));
      for (const auto& one : info.refused) add_left_out(one);
    }
  }
  if (auto open = self->still_open(); !open) {
    failed(open.error(), {});
    answer.body = std::move(out);
    co_return answer;
  }
  auto named = read_named(query.addresses, self->address_rules(*call->config));
  for (const auto& [address, problem] : named.bad) {
    if (left_out(address)) {
      add_left_out(address);
    } else {
      out.results.push_back(unknown(problem.code, problem.detail, {address}));
    }
  }
  for (std::size_t at = 0; at < named.recipients.size() && !self->stopped_; at += PushService::kMaxNamed) {
    const auto begin = named.recipients.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end =
        named.recipients.begin() + static_cast<std::ptrdiff_t>(std::min(at + PushService::kMaxNamed, named.recipients.size()));
    std::vector<Recipient> some(begin, end);
    auto push = head->job.id;
    std::optional<std::string> mine(call->initiator->name);
    const auto found = co_await PushService::look_up(self->service_, std::move(push), std::move(mine), std::move(some));
    if (!found) {
      for (auto one = begin; one != end; ++one) failed(found.error(), {one->given});
      continue;
    }
    for (const auto& one : found->recipients) {
      if (one.delivery) {
        out.results.push_back(result_of(*one.delivery, info.quality, one.asked.given));
      } else {
        out.results.push_back(unknown(2003, "not an address of this push", {one.asked.given}));
      }
    }
  }
  if (out.results.empty()) out.results.push_back(unknown(4001, "the node is shutting down", {}));
  answer.body = std::move(out);
  co_return answer;
}

Task<PapEndpoint::Answer> PapEndpoint::query_capabilities(Self self, const Call* call, pap::CapabilityQuery query) {
  pap::CapabilityAnswer out;
  out.query_id = query.query_id;
  out.address = query.address;
  Answer answer;
  const auto say = [&](const Problem& problem) {
    out.code = problem.code;
    out.desc = problem.detail;
    answer.retry_after = problem.retry_after;
    answer.body = std::move(out);
  };
  auto recipient = pap::read_address(query.address, self->address_rules(*call->config));
  if (!recipient) {
    say(recipient.error());
    co_return answer;
  }
  std::string application;
  if (!query.app_id.empty()) {
    const auto id = pap::read_application(query.app_id);
    if (!id) {
      say({400, 2000, "app-id: not an application id"});
      co_return answer;
    }
    application = id->token;
    if (auto allowed = check_application(*call->initiator, application); !allowed) {
      say(allowed.error());
      co_return answer;
    }
  }
  auto user = recipient->user;
  const auto report = co_await CapabilityBook::report(self->books_.capabilities, std::move(user), std::move(application));
  if (!report) {
    say({503, 4001, report.error().text, std::chrono::seconds(2)});
  } else if (report->user_unknown) {
    say({404, 2003, {}});
  } else if (!pap::knows_something(*report)) {
    say({422, 3008, {}});
  } else {
    answer.profile = pap::write_profile(*report);
    answer.body = std::move(out);
  }
  co_return answer;
}

}  // namespace herald::push
