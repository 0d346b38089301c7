#include "rest/rest_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "text/timestamps.h"

namespace herald::push {
namespace {

using Json = nlohmann::json;

// Writes one object straight into the text: the 202 of every push is one, and a tree of values would cost more than the push's
// record. Strings that need more than quotes are left to the library, and what is no UTF-8 in them is replaced.
class ObjectText {
 public:
  explicit ObjectText(std::string& out) : out_(out) { out_ += '{'; }
  ~ObjectText() { out_ += '}'; }
  ObjectText(const ObjectText&) = delete;
  ObjectText& operator=(const ObjectText&) = delete;

  std::string& member(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_.append(1, '"').append(name).append("\":");
    return out_;
  }
  void text(std::string_view name, std::string_view value) {
    member(name);
    const auto plain = [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
    if (std::all_of(value.begin(), value.end(), plain)) {
      out_.append(1, '"').append(value).append(1, '"');
    } else {
      out_ += Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
    }
  }
  void number(std::string_view name, std::int64_t value) { member(name) += std::to_string(value); }
  void flag(std::string_view name, bool value) { member(name) += value ? "true" : "false"; }
  void null(std::string_view name) { member(name) += "null"; }
  void text_or_null(std::string_view name, std::string_view value) { value.empty() ? null(name) : text(name, value); }

 private:
  std::string& out_;
};

// SM-2: how it came to be as it is.
void write_history(std::string& out, const Delivery& delivery) {
  out += '[';
  for (const auto& line : delivery.history) {
    if (out.back() != '[') out += ',';
    ObjectText object(out);
    object.text("at", to_rfc3339(line.at));
    object.text("status", to_string(line.status));
    object.text_or_null("cause", line.cause);
    object.number("attempt", line.attempt);
  }
  out += ']';
}

// SM-3: how far the initiator was told of the end. `last`: what came of the last attempt.
void write_notice(std::string& out, const ResultNotice& notice) {
  ObjectText object(out);
  object.text("state", to_string(notice.state));
  object.number("attempts", notice.attempts);
  object.text_or_null("last", notice.last);
  if (notice.attempts > 0) object.text("last_at", to_rfc3339(notice.last_at));
  if (notice.due) object.text("next_at", to_rfc3339(*notice.due));
}

void write(std::string& out, const Delivery& delivery, const ResultNotice* notice = nullptr) {
  ObjectText object(out);
  object.text("address", delivery.address);
  object.text("status", to_string(delivery.status));
  object.flag("final", delivery.final());
  // What proves it (status-mapping.md 3): a final response, every byte acknowledged by a hop, or the receiver's own word.
  object.text_or_null("evidence", delivery.evidence == Evidence::none ? std::string_view() : to_string(delivery.evidence));
  object.number("code", delivery.code);
  object.text_or_null("cause", delivery.cause);
  if (!delivery.detail.empty()) object.text("detail", delivery.detail);
  object.text_or_null("mode", delivery.mode ? to_string(*delivery.mode) : std::string_view());
  object.number("attempts", delivery.attempts);
  object.text("updated", to_rfc3339(delivery.updated));
  object.text_or_null("retry_at", delivery.retry_at ? to_rfc3339(*delivery.retry_at) : std::string());
  if (delivery.report_due && !delivery.final()) object.text("report_due", to_rfc3339(*delivery.report_due));
  if (!delivery.late_report.empty()) object.text("late_report", delivery.late_report);
  if (!delivery.history.empty()) write_history(object.member("history"), delivery);
  if (notice != nullptr) write_notice(object.member("notification"), *notice);
}

void write(std::string& out, const PushView& view);

template <class Values>
void write_list(std::string& out, const Values& values) {
  out += '[';
  for (const auto& value : values) {
    if (out.back() != '[') out += ',';
    write(out, value);
  }
  out += ']';
}

void write(std::string& out, const PushView& view) {
  ObjectText object(out);
  object.text("id", view.job.id);
  object.text("created", to_rfc3339(view.job.created));
  object.text("app", view.job.application);
  object.text("from", view.job.sender);
  object.text("priority", to_string(view.job.priority));
  object.text("report", to_string(view.job.report));
  if (view.job.report_if_possible) object.flag("report_if_possible", true);
  object.text("mode", view.job.mode ? to_string(*view.job.mode) : std::string_view("auto"));
  if (view.job.deliver_after) object.text("deliver_after", to_rfc3339(*view.job.deliver_after));
  object.text("expires", to_rfc3339(view.job.expires));
  object.number("recipient_count", view.job.recipients);
  auto& list = object.member("recipients");
  list += '[';
  for (const auto& delivery : view.deliveries) {
    if (list.back() != '[') list += ',';
    const auto notice = view.notices.find(delivery.index);
    write(list, delivery, notice == view.notices.end() ? nullptr : &notice->second);
  }
  list += ']';
  if (!view.next.empty()) object.text("next", view.next);
}

}  // namespace

std::string to_json(const PushView& view) {
  std::string text;
  text.reserve(512);
  write(text, view);
  return text;
}

std::string to_json(const Delivery& delivery) {
  std::string text;
  write(text, delivery);
  return text;
}

std::string to_json(const PushList& list) {
  std::string text;
  {
    ObjectText object(text);
    write_list(object.member("pushes"), list.pushes);
    if (!list.next.empty()) object.text("next", list.next);
  }
  return text;
}

}  // namespace herald::push
