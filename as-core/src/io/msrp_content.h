// The bytes of one outgoing message: all in memory, or read ahead from a blob by its own thread, a few pieces at a time.
// Thread: the I/O loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "herald/blob_store.h"
#include "herald/task.h"

namespace herald::io {

class MsrpContent {
 public:
  virtual ~MsrpContent() = default;
  // What can be sent now, in one piece; empty: nothing yet, or the end.
  [[nodiscard]] virtual std::string_view available() const noexcept = 0;
  // Keeps those bytes where they are.
  [[nodiscard]] virtual std::shared_ptr<const void> keeper() const = 0;
  virtual void advance(std::size_t bytes) = 0;
  [[nodiscard]] virtual const std::optional<Error>& failure() const noexcept = 0;
};

[[nodiscard]] std::unique_ptr<MsrpContent> content_of(std::shared_ptr<const std::string> bytes);
// `more`: bytes have come, or the failure. Not called once the content is destroyed.
[[nodiscard]] std::unique_ptr<MsrpContent> content_of(BlobStore& blobs, const BlobInfo& blob, UniqueFunction<void()> more);

}  // namespace herald::io
