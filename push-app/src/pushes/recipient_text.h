// Recipients that are read from the JSON text of their submission, some at a time: the text is the only thing that is held.
// Thread: one shard.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "herald/task.h"
#include "pushes/recipient_source.h"

namespace herald::push {

class JsonRecipients final : public RecipientSource {
 public:
  // `text` is JSON that was read before; the array begins at `where`.
  JsonRecipients(std::shared_ptr<const std::string> text, RecipientText where, std::size_t max_address);

  [[nodiscard]] std::size_t size() const noexcept override { return where_.count; }
  // Leaves out what is no address; check_recipients() has refused such a submission before.
  [[nodiscard]] std::vector<Recipient> next(std::size_t most) override;
  // The next ones; none at the end. Refuses what is no address.
  [[nodiscard]] Checked<std::vector<Recipient>> read(std::size_t most);
  void rewind() noexcept;

 private:
  [[nodiscard]] std::optional<std::string> next_text();

  std::shared_ptr<const std::string> text_;
  RecipientText where_;
  std::size_t max_address_;
  std::size_t at_;
  std::size_t index_ = 0;
};

// May the initiator push to it?
using RecipientRule = std::function<Checked<void>(const Recipient&)>;

// Every address is one, is allowed and occurs once. Lets others work in between; afterwards the source stands at its beginning.
Task<Checked<void>> check_recipients(std::shared_ptr<JsonRecipients> recipients, RecipientRule rule);

}  // namespace herald::push
