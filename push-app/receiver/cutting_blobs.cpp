#include "cutting_blobs.h"

#include <limits>

namespace herald::receiver {

class CuttingBlobs::Writer final : public BlobWriter {
 public:
  Writer(std::shared_ptr<BlobWriter> writer, std::shared_ptr<Fault> fault)
      : writer_(std::move(writer)), fault_(std::move(fault)) {}

  bool append(std::string_view bytes) override {
    const auto size = static_cast<std::int64_t>(bytes.size());
    if (fault_->armed && fault_->left.fetch_sub(size) <= size && fault_->armed.exchange(false)) {
      held_ = true;
      fault_->cut();
    }
    return writer_->append(bytes);
  }
  // Whoever writes pauses for good: the rest must not come in before the connection is gone.
  [[nodiscard]] std::size_t queued() const noexcept override {
    return held_ ? std::numeric_limits<std::size_t>::max() : writer_->queued();
  }
  void on_drained(UniqueFunction<void()> call) override {
    if (!held_) writer_->on_drained(std::move(call));
  }
  Future<BlobInfo> finish() override { return writer_->finish(); }
  void finish(UniqueFunction<void(Expected<BlobInfo>)> done) override { writer_->finish(std::move(done)); }

 private:
  std::shared_ptr<BlobWriter> writer_;
  std::shared_ptr<Fault> fault_;
  bool held_ = false;
};

CuttingBlobs::CuttingBlobs(BlobStore& store, std::uint64_t after, std::function<void()> cut)
    : store_(store), fault_(std::make_shared<Fault>()) {
  fault_->left = static_cast<std::int64_t>(after);
  fault_->armed = after > 0;
  fault_->cut = std::move(cut);
}

std::shared_ptr<BlobWriter> CuttingBlobs::create(std::uint64_t max_bytes) {
  return std::make_shared<Writer>(store_.create(max_bytes), fault_);
}

}  // namespace herald::receiver
