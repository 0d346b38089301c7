// What the agent tells: one JSON object a line.
// Thread: any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "herald/blob_store.h"
#include "herald/clock.h"
#include "push_decision.h"

namespace herald::receiver {

// Takes one complete line without its end.
using EventSink = std::function<void(const std::string& line)>;

struct EventField {
  std::string_view name;
  std::string value;
  bool literal = false;  // a number or true/false
};
[[nodiscard]] std::string event_line(std::string_view event, WallTime when, const std::vector<EventField>& fields);
// What a push brought: bytes, or where they are.
struct PushContent {
  std::string bytes;
  std::optional<BlobInfo> blob;
  std::string file;  // where it was saved; empty: nowhere
  [[nodiscard]] std::uint64_t size() const noexcept { return blob ? blob->size : bytes.size(); }
};

// Where what happened goes: to standard output for a UE, to the log for a hosted agent.
class AgentOutput {
 public:
  virtual ~AgentOutput() = default;
  virtual void tell(std::string_view event, WallTime when, const std::vector<EventField>& fields) = 0;
  virtual void push(WallTime when, const std::string& user, const Push& push, const PushContent& content, bool duplicate) = 0;
};

// `push`: size and SHA-256, and the content itself unless it is a blob: text when it is text, base64 otherwise.
[[nodiscard]] std::string push_line(WallTime when, const std::string& user, const Push& push, const PushContent& content,
                                    bool duplicate);

// Lines of JSON.
class LineOutput final : public AgentOutput {
 public:
  explicit LineOutput(EventSink sink) : sink_(std::move(sink)) {}
  void tell(std::string_view event, WallTime when, const std::vector<EventField>& fields) override {
    sink_(event_line(event, when, fields));
  }
  void push(WallTime when, const std::string& user, const Push& push, const PushContent& content, bool duplicate) override {
    sink_(push_line(when, user, push, content, duplicate));
  }

 private:
  EventSink sink_;
};

// Log lines without bodies, identities hashed.
class LogOutput final : public AgentOutput {
 public:
  void tell(std::string_view event, WallTime when, const std::vector<EventField>& fields) override;
  void push(WallTime when, const std::string& user, const Push& push, const PushContent& content, bool duplicate) override;
};

// A push as a webhook gets it: {app, type, from, id, user, text | base64}.
[[nodiscard]] std::string push_document(const std::string& user, const Push& push, const std::string& body);

}  // namespace herald::receiver
