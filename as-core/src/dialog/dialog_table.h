// Which session an in-dialog message belongs to. RFC 3261 12: Call-ID, local tag, remote tag.
// Thread: one table per shard.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace herald::dialog {

using SessionNumber = std::uint64_t;

class DialogTable {
 public:
  void insert(std::string_view call_id, std::string_view local_tag, std::string_view remote_tag, SessionNumber session) {
    table_.insert_or_assign(key(call_id, local_tag, remote_tag), session);
  }
  // An exact match; else the half that is known of a dialog whose peer has not answered yet: a NOTIFY may overtake the 200 to the
  // SUBSCRIBE (RFC 6665 4.1.2.4).
  [[nodiscard]] std::optional<SessionNumber> find(std::string_view call_id, std::string_view local_tag,
                                                  std::string_view remote_tag) const {
    for (const auto tag : {remote_tag, std::string_view()}) {
      if (const auto found = table_.find(key(call_id, local_tag, tag)); found != table_.end()) return found->second;
    }
    return std::nullopt;
  }
  void erase(std::string_view call_id, std::string_view local_tag, std::string_view remote_tag) {
    table_.erase(key(call_id, local_tag, remote_tag));
  }
  [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

 private:
  static std::string key(std::string_view call_id, std::string_view local_tag, std::string_view remote_tag) {
    std::string text;
    text.reserve(call_id.size() + local_tag.size() + remote_tag.size() + 2);
    // Neither a Call-ID nor a tag can contain a line feed.
    return text.append(call_id).append("\n").append(local_tag).append("\n").append(remote_tag);
  }
  std::unordered_map<std::string, SessionNumber> table_;
};

}  // namespace herald::dialog
