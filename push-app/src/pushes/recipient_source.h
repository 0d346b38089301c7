// The recipients of one submission, in the order given, some at a time: a hundred thousand need not be values at once.
// Thread: one shard.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "pushes/submission.h"

namespace herald::push {

class RecipientSource {
 public:
  virtual ~RecipientSource() = default;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;  // of all
  // At most `most`; none at the end.
  [[nodiscard]] virtual std::vector<Recipient> next(std::size_t most) = 0;
};

class ListedRecipients final : public RecipientSource {
 public:
  explicit ListedRecipients(std::vector<Recipient> all) : all_(std::move(all)) {}
  [[nodiscard]] std::size_t size() const noexcept override { return all_.size(); }
  [[nodiscard]] std::vector<Recipient> next(std::size_t most) override {
    const auto count = std::min(most, all_.size() - at_);
    const auto begin = std::make_move_iterator(all_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += count;
    return {begin, begin + static_cast<std::ptrdiff_t>(count)};
  }

 private:
  std::vector<Recipient> all_;
  std::size_t at_ = 0;
};

}  // namespace herald::push
