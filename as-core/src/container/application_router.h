// Which module gets an initial request: the service profiles decide. SPF-40..SPF-46, SV-11.
// Thread: one shard; a pure function of the snapshot and the request.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/portable_regex.h"
#include "container/module_host.h"
#include "herald/isc_context.h"
#include "herald/sip_message.h"

namespace herald::container {

struct Selection {
  enum class To {
    module,
    registration_feed,  // REGISTER
    onward,             // nobody here wants it and it has a way on
    nobody,             // 404
  };
  To to = To::nobody;
  std::size_t module = 0;
  std::string service;
  std::string trigger;
  bool skippable = true;          // DefaultHandling SESSION_CONTINUED
  bool profile_mismatch = false;  // SPF-W10
};

// Does the condition hold? Injected so that the router's own rules can be tested without the evaluator.
using ConditionTest = std::function<bool(const Condition&, const SipMessage&, SessionCase, std::optional<RegistrationType>)>;

class ApplicationRouter {
 public:
  explicit ApplicationRouter(ConditionTest test) : test_(std::move(test)) {}
  void use(std::shared_ptr<const Snapshot> snapshot, const std::vector<std::string>& module_names);
  // `registration` only for REGISTER (SPF-43).
  [[nodiscard]] Selection select(const SipMessage& request, const IscContext& context,
                                 std::optional<RegistrationType> registration) const;
  // Canonical identities that stand for a service (distinct PSIs), for AS-47.
  [[nodiscard]] std::vector<std::string> service_identities() const;

 private:
  struct Entry {
    const ServiceTrigger* trigger;
    const ServiceProfile* profile;
    std::size_t module;
  };
  [[nodiscard]] bool holds(const Entry& entry, const SipMessage& request, const IscContext& context,
                           std::optional<RegistrationType> registration) const;
  [[nodiscard]] const Entry* hinted(const IscContext& context) const;

  struct Identity {
    const ServiceIdentity* identity;
    const ServiceProfile* profile;
    std::size_t module;
    std::string canonical;
    std::optional<PortableRegex> wildcard;
  };

  ConditionTest test_;
  std::shared_ptr<const Snapshot> snapshot_;  // what entries_ point into
  std::vector<Entry> entries_;                // enabled ones, by priority
  std::vector<Identity> identities_;          // those that stand for a service
  std::vector<std::string> modules_;
};

// By config/'s evaluator.
[[nodiscard]] ConditionTest profile_condition_test();

}  // namespace herald::container
