#include "io/msrp_content.h"

#include <algorithm>

namespace herald::io {
namespace {

constexpr std::size_t kPiece = 512 * 1024;
constexpr std::size_t kAhead = 4;  // pieces; what one sender holds of a blob, however large that is

class InMemory final : public MsrpContent {
 public:
  explicit InMemory(std::shared_ptr<const std::string> bytes) : bytes_(std::move(bytes)) {}
  std::string_view available() const noexcept override { return std::string_view(*bytes_).substr(at_); }
  std::shared_ptr<const void> keeper() const override { return bytes_; }
  void advance(std::size_t bytes) override { at_ += bytes; }
  const std::optional<Error>& failure() const noexcept override { return none_; }

 private:
  std::shared_ptr<const std::string> bytes_;
  std::size_t at_ = 0;
  const std::optional<Error> none_;
};

// Shared with the coroutine that waits for the disk: it may come back when nobody wants the bytes any more.
struct Ahead {
  BlobStore& blobs;
  BlobInfo blob;
  UniqueFunction<void()> more;
  std::deque<std::shared_ptr<const std::string>> pieces;
  std::uint64_t read = 0;
  std::optional<Error> failure;
  bool reading = false;
  bool closed = false;
};

Task<void> read_ahead(std::shared_ptr<Ahead> ahead) {
  ahead->reading = true;
  while (!ahead->closed && !ahead->failure && ahead->pieces.size() < kAhead && ahead->read < ahead->blob.size) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, ahead->blob.size - ahead->read));
    auto future = ahead->blobs.read(ahead->blob.id, ahead->read, wanted);
    auto piece = co_await future;
    if (ahead->closed) co_return;
    if (!piece) {
      ahead->failure = std::move(piece.error());
    } else if (piece->size() != wanted) {
      ahead->failure = Error{ErrorCode::corrupt, "the blob is shorter than it was said to be"};
    } else {
      ahead->read += piece->size();
      ahead->pieces.push_back(std::make_shared<const std::string>(std::move(*piece)));
    }
    ahead->more();
  }
  ahead->reading = false;
}

class FromBlob final : public MsrpContent {
 public:
  FromBlob(BlobStore& blobs, const BlobInfo& blob, UniqueFunction<void()> more)
      : ahead_(new Ahead{blobs, blob, std::move(more), {}, 0, std::nullopt, false, false}) {
    fetch();
  }
  ~FromBlob() override { ahead_->closed = true; }
  FromBlob(const FromBlob&) = delete;
  FromBlob& operator=(const FromBlob&) = delete;
  std::string_view available() const noexcept override {
    return ahead_->pieces.empty() ? std::string_view() : std::string_view(*ahead_->pieces.front()).substr(at_);
  }
  std::shared_ptr<const void> keeper() const override { return ahead_->pieces.front(); }
  void advance(std::size_t bytes) override {
    at_ += bytes;
    if (ahead_->pieces.empty() || at_ < ahead_->pieces.front()->size()) return;
    ahead_->pieces.pop_front();
    at_ = 0;
    fetch();
  }
  const std::optional<Error>& failure() const noexcept override { return ahead_->failure; }

 private:
  void fetch() {
    if (!ahead_->reading) spawn(read_ahead(ahead_));
  }
  std::shared_ptr<Ahead> ahead_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<MsrpContent> content_of(std::shared_ptr<const std::string> bytes) {
  return std::make_unique<InMemory>(std::move(bytes));
}

std::unique_ptr<MsrpContent> content_of(BlobStore& blobs, const BlobInfo& blob, UniqueFunction<void()> more) {
  return std::make_unique<FromBlob>(blobs, blob, std::move(more));
}

}  // namespace herald::io
