#include "container/absent_services.h"

#include <utility>

namespace herald::container {
namespace {

constexpr std::string_view kNoBlobs = "this node stores no blobs";

template <class T>
Future<T> unavailable(std::string_view why) {
  Promise<T> promise;
  promise.set(fail(ErrorCode::unavailable, std::string(why)));
  return promise.future();
}

class NoHttpClient final : public HttpClient {
  Future<HttpResponse> send(HttpCall, Deadline) override { return unavailable<HttpResponse>("this node has no HTTP client"); }
};

class NoBlobWriter final : public BlobWriter {
  bool append(std::string_view) override { return false; }
  std::size_t queued() const noexcept override { return 0; }
  void on_drained(UniqueFunction<void()>) override {}
  Future<BlobInfo> finish() override { return unavailable<BlobInfo>(kNoBlobs); }
  void finish(UniqueFunction<void(Expected<BlobInfo>)> done) override {
    done(fail(ErrorCode::unavailable, std::string(kNoBlobs)));
  }
};

class NoBlobs final : public BlobStore {
  std::shared_ptr<BlobWriter> create(std::uint64_t) override { return std::make_shared<NoBlobWriter>(); }
  Future<BlobInfo> put(std::string) override { return unavailable<BlobInfo>(kNoBlobs); }
  Future<BlobInfo> find(std::string) override { return unavailable<BlobInfo>(kNoBlobs); }
  Future<std::string> read(std::string, std::uint64_t, std::size_t) override { return unavailable<std::string>(kNoBlobs); }
  Future<void> remove(std::string) override { return unavailable<void>(kNoBlobs); }
  Future<std::vector<BlobInfo>> list(std::string, std::size_t) override { return unavailable<std::vector<BlobInfo>>(kNoBlobs); }
  Expected<int> open(std::string_view) override { return fail(ErrorCode::unavailable, std::string(kNoBlobs)); }
};

class NoMsrp final : public MsrpEndpoint {
  Expected<std::shared_ptr<MsrpSession>> open(bool, MsrpPolicy) override {
    return fail(ErrorCode::unavailable, "this node has no MSRP address");
  }
  bool has_tls() const noexcept override { return false; }
};

}  // namespace

HttpClient& no_http_client() {
  static NoHttpClient none;
  return none;
}

BlobStore& no_blobs() {
  static NoBlobs none;
  return none;
}

MsrpEndpoint& no_msrp() {
  static NoMsrp none;
  return none;
}

}  // namespace herald::container
