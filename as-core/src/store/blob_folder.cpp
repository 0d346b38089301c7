#include "store/blob_folder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "store/blob_trailer.h"

namespace herald::store {
namespace {

constexpr std::string_view kPart = ".part";
constexpr const char* kLockName = "lock";
// The kernel is asked to begin writing after so many bytes, so that the sync at the end does not stop everybody for long.
constexpr std::uint64_t kPushEvery = std::uint64_t{8} << 20;

Unexpected system_failure(const std::string& what, int error) {
  const auto code = error == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable;
  std::optional<std::chrono::nanoseconds> later;
  if (code == ErrorCode::unavailable) later = std::chrono::seconds(5);
  return Unexpected(Error{code, "blobs: " + what + ": " + std::system_category().message(error), later});
}

std::string hex(evp_md_ctx_st* digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  if (EVP_DigestFinal_ex(digest, bytes.data(), &length) != 1) return {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < length; ++i) {
    out += kDigits[bytes.at(i) >> 4];
    out += kDigits[bytes.at(i) & 15];
  }
  return out;
}

// Closed when it goes out of scope.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

// Up to the end of the file.
Expected<std::string> read_at(int descriptor, std::uint64_t offset, std::size_t bytes) {
  std::string out(bytes, '\0');
  std::size_t have = 0;
  while (have < bytes) {
    const auto got = ::pread(descriptor, out.data() + have, bytes - have, static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("read", errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  out.resize(have);
  return out;
}

Expected<std::uint64_t> size_of(int descriptor) {
  struct stat info {};
  if (::fstat(descriptor, &info) != 0) return system_failure("stat", errno);
  return static_cast<std::uint64_t>(info.st_size);
}

Expected<BlobInfo> read_info(int descriptor, std::string_view id) {
  const auto bytes = size_of(descriptor);
  if (!bytes) return fail(bytes.error());
  if (*bytes >= kBlobTrailerBytes) {
    const auto trailer = read_at(descriptor, *bytes - kBlobTrailerBytes, kBlobTrailerBytes);
    if (!trailer) return fail(trailer.error());
    if (auto info = decode_blob_trailer(*trailer, id, *bytes)) return std::move(*info);
  }
  return fail(ErrorCode::corrupt, "blobs: " + std::string(id) + " is damaged");
}

// Names in the directory, as they come.
Expected<void> each_name(int folder, const auto& call) {
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return system_failure("directory", errno);
  const std::unique_ptr<DIR, int (*)(DIR*)> names(::fdopendir(copy), &::closedir);
  if (!names) {
    const int error = errno;
    ::close(copy);
    return system_failure("directory", error);
  }
  for (;;) {
    errno = 0;
    const auto* entry = ::readdir(names.get());  // NOLINT(concurrency-mt-unsafe): a stream of our own
    if (entry == nullptr) break;
    call(std::string_view(&entry->d_name[0]));
  }
  if (errno != 0) return system_failure("directory", errno);
  return {};
}

Expected<void> check(std::string_view id) {
  if (is_blob_id(id)) return {};
  return fail(ErrorCode::not_found, "blobs: that is not the name of a blob");
}

}  // namespace

// -- a file that is being written --------------------------------------------------------------------------------------

void PartFile::FreeDigest::operator()(evp_md_ctx_st* digest) const noexcept { EVP_MD_CTX_free(digest); }

PartFile::PartFile(int descriptor, std::string folder, std::string id)
    : descriptor_(descriptor),
      folder_(std::move(folder)),
      id_(std::move(id)),
      sha1_(EVP_MD_CTX_new()),
      sha256_(EVP_MD_CTX_new()) {}

PartFile::PartFile(PartFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      folder_(std::move(other.folder_)),
      id_(std::move(other.id_)),
      sha1_(std::move(other.sha1_)),
      sha256_(std::move(other.sha256_)),
      size_(other.size_),
      pushed_(other.pushed_) {}

PartFile::~PartFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(part_path().c_str());
}

Expected<void> PartFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto done = ::write(descriptor_, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_failure("write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return {};
}

Expected<void> PartFile::append(std::string_view bytes) {
  if (auto ok = write(bytes); !ok) return ok;
  if (EVP_DigestUpdate(sha1_.get(), bytes.data(), bytes.size()) != 1 ||
      EVP_DigestUpdate(sha256_.get(), bytes.data(), bytes.size()) != 1)
    return fail(ErrorCode::unavailable, "blobs: no hash could be made");
  size_ += bytes.size();
  if (size_ - pushed_ >= kPushEvery) {
    (void)::sync_file_range(descriptor_, static_cast<off64_t>(pushed_), static_cast<off64_t>(size_ - pushed_),
                            SYNC_FILE_RANGE_WRITE);  // a hint; fdatasync() tells what went wrong
    pushed_ = size_;
  }
  return {};
}

// -- the directory -----------------------------------------------------------------------------------------------------

Expected<BlobFolder> BlobFolder::open(std::string path) {
  std::error_code made;
  std::filesystem::create_directories(path, made);
  if (made) return fail(ErrorCode::unavailable, "blobs: cannot create " + path + ": " + made.message());
  Descriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return system_failure(path, errno);
  (void)::fchmod(folder.get(), S_IRWXU);  // a directory of somebody else is used as it is
  auto lock = FileLock::take(path + "/" + kLockName);
  if (!lock) return fail(lock.error());
  BlobFolder out(std::move(path), ::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0), std::move(*lock));
  if (out.descriptor_ < 0) return system_failure(out.path_, errno);
  if (auto ok = out.take_stock(); !ok) return fail(ok.error());
  return out;
}

Expected<BlobFolder> BlobFolder::open_temporary() {
  std::error_code missing;
  const auto parent = std::filesystem::temp_directory_path(missing);
  std::string name = (missing ? std::string("/tmp") : parent.string()) + "/herald-blobs-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return system_failure(name, errno);
  auto folder = open(name);
  if (folder)
    folder->temporary_ = true;
  else
    std::filesystem::remove_all(name, missing);
  return folder;
}

BlobFolder::BlobFolder(BlobFolder&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      lock_(std::move(other.lock_)),
      usage_(other.usage_),
      leftovers_(other.leftovers_),
      temporary_(std::exchange(other.temporary_, false)) {}

BlobFolder::~BlobFolder() {
  if (descriptor_ >= 0) ::close(descriptor_);
  std::error_code ignored;
  if (temporary_) std::filesystem::remove_all(path_, ignored);
}

Expected<void> BlobFolder::take_stock() {
  return each_name(descriptor_, [&](std::string_view name) {
    const std::string text(name);
    if (name.ends_with(kPart) && is_blob_id(name.substr(0, name.size() - kPart.size()))) {
      if (::unlinkat(descriptor_, text.c_str(), 0) == 0) ++leftovers_;
    } else if (is_blob_id(name)) {
      struct stat info {};
      if (::fstatat(descriptor_, text.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return;
      ++usage_.count;
      usage_.bytes += static_cast<std::uint64_t>(info.st_size);
    }
  });
}

Expected<PartFile> BlobFolder::begin(std::string id) {
  if (auto ok = check(id); !ok) return fail(ErrorCode::invalid, ok.error().text);
  const auto name = id + std::string(kPart);
  const int descriptor = ::openat(descriptor_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) {
    const int error = errno == ENOENT ? EIO : errno;  // the directory itself has gone
    return system_failure(name, error);
  }
  PartFile file(descriptor, path_, std::move(id));
  if (!file.sha1_ || !file.sha256_ || EVP_DigestInit_ex(file.sha1_.get(), EVP_sha1(), nullptr) != 1 ||
      EVP_DigestInit_ex(file.sha256_.get(), EVP_sha256(), nullptr) != 1)
    return fail(ErrorCode::unavailable, "blobs: no hash could be made");
  return file;
}

Expected<BlobInfo> BlobFolder::keep(PartFile file) {
  BlobInfo info{file.id_, file.size_, hex(file.sha1_.get()), hex(file.sha256_.get())};
  if (info.sha1.empty() || info.sha256.empty()) return fail(ErrorCode::unavailable, "blobs: no hash could be made");
  if (auto ok = file.write(encode_blob_trailer(info)); !ok) return fail(ok.error());
  if (::fdatasync(file.descriptor_) != 0) return system_failure("sync", errno);
  const auto part = info.id + std::string(kPart);
  if (::renameat(descriptor_, part.c_str(), descriptor_, info.id.c_str()) != 0)
    return system_failure("rename", errno == ENOENT ? EIO : errno);
  ::close(std::exchange(file.descriptor_, -1));  // nothing is to be removed any more
  ++usage_.count;
  usage_.bytes += info.size + kBlobTrailerBytes;
  return info;
}

Expected<void> BlobFolder::sync_names() {
  if (::fsync(descriptor_) != 0) return system_failure("sync of the directory", errno);
  return {};
}

Expected<BlobInfo> BlobFolder::find(std::string_view id) const {
  const auto opened = open_blob(path_, id);
  if (!opened) return fail(opened.error());
  const Descriptor file(*opened);
  return read_info(file.get(), id);
}

Expected<std::string> BlobFolder::read(std::string_view id, std::uint64_t offset, std::size_t bytes) const {
  const auto opened = open_blob(path_, id);
  if (!opened) return fail(opened.error());
  const Descriptor file(*opened);
  const auto total = size_of(file.get());
  if (!total) return fail(total.error());
  if (*total < kBlobTrailerBytes) return fail(ErrorCode::corrupt, "blobs: " + std::string(id) + " is damaged");
  const auto size = *total - kBlobTrailerBytes;
  if (offset >= size) return std::string();
  return read_at(file.get(), offset, static_cast<std::size_t>(std::min<std::uint64_t>(bytes, size - offset)));
}

Expected<void> BlobFolder::remove(std::string_view id) {
  if (!check(id)) return {};
  const std::string name(id);
  struct stat info {};
  if (::fstatat(descriptor_, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) return {};
  if (::unlinkat(descriptor_, name.c_str(), 0) != 0) {
    if (errno == ENOENT) return {};
    return system_failure("remove", errno);
  }
  usage_.count -= std::min<std::uint64_t>(usage_.count, 1);
  usage_.bytes -= std::min(usage_.bytes, static_cast<std::uint64_t>(info.st_size));
  return {};
}

Expected<std::vector<BlobInfo>> BlobFolder::list(std::string_view after, std::size_t limit) const {
  std::vector<std::string> names;  // a heap of the smallest `limit`, so that a large directory is not held
  auto walked = each_name(descriptor_, [&](std::string_view name) {
    if (limit == 0 || !is_blob_id(name) || name <= after) return;
    if (names.size() == limit && name >= names.front()) return;
    if (names.size() == limit) {
      std::pop_heap(names.begin(), names.end());
      names.pop_back();
    }
    names.emplace_back(name);
    std::push_heap(names.begin(), names.end());
  });
  if (!walked) return fail(walked.error());
  std::sort_heap(names.begin(), names.end());
  std::vector<BlobInfo> out;
  out.reserve(names.size());
  for (auto& name : names) {
    auto info = find(name);
    if (!info && info.error().code == ErrorCode::not_found) continue;
    if (info)
      out.push_back(std::move(*info));
    else
      out.push_back(BlobInfo{std::move(name), 0, {}, {}});
  }
  return out;
}

Expected<int> open_blob(const std::string& folder, std::string_view id) {
  if (auto ok = check(id); !ok) return fail(ok.error());
  const auto path = folder + "/" + std::string(id);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return system_failure(std::string(id), errno);
  return descriptor;
}

}  // namespace herald::store
