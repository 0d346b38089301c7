#include "config/normal_form.h"

#include <algorithm>
#include <functional>
#include <optional>

namespace herald {
namespace {

constexpr std::size_t kMaxGroups = 64;
constexpr std::size_t kMaxSpts = 256;
constexpr std::size_t kMaxWork = 4096;  // groups while multiplying out, before absorption

using Group = std::vector<Spt>;  // kept in order of first appearance until the end
using Groups = std::vector<Group>;

bool contains(const Group& group, const Spt& spt) { return std::find(group.begin(), group.end(), spt) != group.end(); }

Spt negation(Spt spt) {
  spt.negated = !spt.negated;
  return spt;
}

bool holds_opposites(const Group& group) {
  return std::any_of(group.begin(), group.end(), [&group](const Spt& spt) { return contains(group, negation(spt)); });
}

bool is_superset(const Group& larger, const Group& smaller) {
  return std::all_of(smaller.begin(), smaller.end(), [&larger](const Spt& spt) { return contains(larger, spt); });
}

// Drops groups that say nothing (CNF: x or not x; DNF: x and not x) and those that another one makes superfluous.
Groups absorbed(Groups groups) {
  std::erase_if(groups, holds_opposites);
  Groups out;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    bool superfluous = false;
    for (std::size_t k = 0; k < groups.size() && !superfluous; ++k) {
      if (k == i || !is_superset(groups[i], groups[k])) continue;
      // Of two equal groups the first stays.
      superfluous = groups[k].size() < groups[i].size() || k < i;
    }
    if (!superfluous) out.push_back(groups[i]);
  }
  return out;
}

// Joined: the operator between groups (AND in CNF, OR in DNF) concatenates; the other one multiplies out.
struct Builder {
  bool cnf;

  [[nodiscard]] std::optional<Groups> build(const Condition& condition, bool negated) const {
    return std::visit([&](const auto& test) { return of(test, negated); }, condition.test);
  }

 private:
  [[nodiscard]] static Groups leaf(Spt spt) { return {{std::move(spt)}}; }

  [[nodiscard]] std::optional<Groups> of(const Condition::Method& test, bool negated) const {
    return leaf({MethodSpt{test.name, {}}, negated});
  }
  [[nodiscard]] std::optional<Groups> of(const Condition::RequestUri& test, bool negated) const {
    return leaf({UriSpt{test.regex}, negated});
  }
  [[nodiscard]] std::optional<Groups> of(const Condition::Header& test, bool negated) const {
    return leaf({HeaderSpt{test.name_regex, test.value}, negated});
  }
  [[nodiscard]] std::optional<Groups> of(const Condition::Case& test, bool negated) const {
    return leaf({CaseSpt{test.value}, negated});
  }
  [[nodiscard]] std::optional<Groups> of(const Condition::Sdp& test, bool negated) const {
    return leaf({SdpSpt{std::string(1, test.line), test.value}, negated});
  }
  // Alone it stands for its REGISTER.
  [[nodiscard]] std::optional<Groups> of(const Condition::Registration& test, bool negated) const {
    return leaf({MethodSpt{"REGISTER", {test.value}}, negated});
  }
  [[nodiscard]] std::optional<Groups> of(const Condition::Not& test, bool negated) const {
    return build(test.of.front(), !negated);
  }
  [[nodiscard]] std::optional<Groups> of(const Condition::Any& test, bool negated) const {
    std::vector<Condition> items = test.of;
    return combine(items, negated, negated);
  }
  [[nodiscard]] std::optional<Groups> of(const Condition::All& test, bool negated) const {
    return combine(with_registration_attached(test.of), negated, !negated);
  }

  [[nodiscard]] std::optional<Groups> combine(const std::vector<Condition>& items, bool negated, bool all) const {
    const bool concatenates = all == cnf;
    // Neutral element: nothing to concatenate with, or one empty group to multiply.
    Groups out = concatenates ? Groups{} : Groups{{}};
    for (const auto& item : items) {
      auto inner = build(item, negated);
      if (!inner) return std::nullopt;
      if (concatenates) {
        out.insert(out.end(), inner->begin(), inner->end());
      } else {
        if (out.size() * inner->size() > kMaxWork) return std::nullopt;
        Groups product;
        for (const auto& left : out) {
          for (const auto& right : *inner) {
            auto joined = left;
            for (const auto& spt : right) {
              if (!contains(joined, spt)) joined.push_back(spt);
            }
            product.push_back(std::move(joined));
          }
        }
        out = std::move(product);
      }
      out = absorbed(std::move(out));
      if (out.size() > kMaxWork) return std::nullopt;
    }
    return out;
  }

  // all: [REGISTER, registration types] is one SPT, which negation must not tear apart: so it becomes `any` of single types,
  // each of which stands for "REGISTER of that type", and is joined again at the end.
  [[nodiscard]] static std::vector<Condition> with_registration_attached(const std::vector<Condition>& items) {
    const auto is_register = [](const Condition& item) {
      const auto* method = std::get_if<Condition::Method>(&item.test);
      return method != nullptr && method->name == "REGISTER";
    };
    const auto is_types = [](const Condition& item) {
      if (std::holds_alternative<Condition::Registration>(item.test)) return true;
      const auto* any = std::get_if<Condition::Any>(&item.test);
      return any != nullptr && !any->of.empty() && std::all_of(any->of.begin(), any->of.end(), [](const Condition& inner) {
               return std::holds_alternative<Condition::Registration>(inner.test);
             });
    };
    if (std::none_of(items.begin(), items.end(), is_types)) return items;
    std::vector<Condition> out = items;
    std::erase_if(out, is_register);
    return out;
  }
};

bool is_register_of_types(const Spt& spt) {
  const auto* method = std::get_if<MethodSpt>(&spt.test);
  return method != nullptr && !method->registration.empty() && !spt.negated;
}

// REGISTER{initial} or REGISTER{de} in one OR-group is one SPT with two RegistrationType elements.
void join_registration_types(Groups& groups, bool cnf) {
  if (!cnf) return;
  for (auto& group : groups) {
    const auto first = std::find_if(group.begin(), group.end(), is_register_of_types);
    if (first == group.end()) continue;
    auto& types = std::get<MethodSpt>(first->test).registration;
    for (auto it = first + 1; it != group.end();) {
      if (!is_register_of_types(*it)) {
        ++it;
        continue;
      }
      const auto& more = std::get<MethodSpt>(it->test).registration;
      types.insert(types.end(), more.begin(), more.end());
      it = group.erase(it);
    }
    std::sort(types.begin(), types.end());
    types.erase(std::unique(types.begin(), types.end()), types.end());
  }
}

std::optional<NormalForm> build(const Condition& condition, bool cnf) {
  auto groups = Builder{cnf}.build(condition, false);
  if (!groups) return std::nullopt;
  *groups = absorbed(std::move(*groups));
  NormalForm out;
  out.cnf = cnf;
  // An empty CNF is true, an empty DNF false; an empty group is the other way round.
  const bool empty_group = std::any_of(groups->begin(), groups->end(), [](const Group& group) { return group.empty(); });
  out.always = cnf ? groups->empty() : empty_group;
  out.never = cnf ? empty_group : groups->empty();
  if (out.always || out.never) return out;
  join_registration_types(*groups, cnf);
  for (auto& group : *groups) std::sort(group.begin(), group.end());
  out.groups = std::move(*groups);
  return out;
}

}  // namespace

std::size_t NormalForm::size() const noexcept {
  std::size_t count = 0;
  for (const auto& group : groups) count += group.size();
  return count;
}

Expected<NormalForm> normal_form(const Condition& condition, ServiceTrigger::Form form) {
  const auto fits = [](const std::optional<NormalForm>& candidate) {
    return candidate && candidate->groups.size() <= kMaxGroups && candidate->size() <= kMaxSpts;
  };
  auto conjunctive = build(condition, true);
  auto disjunctive = build(condition, false);
  // Each form shows one of the two: x or not x is an empty CNF, x and not x an empty DNF.
  if (conjunctive && conjunctive->always) return std::move(*conjunctive);
  if (disjunctive && disjunctive->never) return std::move(*disjunctive);
  std::optional<NormalForm> best;
  if (form != ServiceTrigger::Form::dnf && fits(conjunctive)) best = std::move(conjunctive);
  if (form != ServiceTrigger::Form::cnf && fits(disjunctive) && (!best || disjunctive->size() < best->size())) {
    best = std::move(disjunctive);
  }
  if (!best) return fail(ErrorCode::too_large, "takes more than 64 groups or 256 service point triggers");
  return std::move(*best);
}

}  // namespace herald
