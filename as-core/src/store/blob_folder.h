// The directory of the blobs: files named by id, "ID.part" while they are written. Every call blocks on the disk.
// Thread: one at a time, but open_blob() from any.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "herald/blob_store.h"
#include "herald/expected.h"
#include "store/file_lock.h"

struct evp_md_ctx_st;

namespace herald::store {

// A file that is being written; removed when destroyed before it was kept.
class PartFile {
 public:
  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&&) = delete;
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  ~PartFile();

  // Error{unavailable}: the disk refused; the file is of no use any more.
  Expected<void> append(std::string_view bytes);
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  friend class BlobFolder;
  struct FreeDigest {
    void operator()(evp_md_ctx_st* digest) const noexcept;
  };
  using Digest = std::unique_ptr<evp_md_ctx_st, FreeDigest>;
  PartFile(int descriptor, std::string folder, std::string id);
  Expected<void> write(std::string_view bytes);
  [[nodiscard]] std::string part_path() const { return folder_ + "/" + id_ + ".part"; }

  int descriptor_;
  std::string folder_;
  std::string id_;
  Digest sha1_;
  Digest sha256_;
  std::uint64_t size_ = 0;
  std::uint64_t pushed_ = 0;  // the kernel has been asked to write so much of it
};

struct BlobUsage {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

class BlobFolder {
 public:
  // Creates the directory, takes it for this process alone and removes what was being written when the last one died.
  static Expected<BlobFolder> open(std::string path);
  // A directory of its own below the machine's place for temporary files; it goes when this object goes.
  static Expected<BlobFolder> open_temporary();
  BlobFolder(BlobFolder&& other) noexcept;
  BlobFolder& operator=(BlobFolder&&) = delete;
  BlobFolder(const BlobFolder&) = delete;
  BlobFolder& operator=(const BlobFolder&) = delete;
  ~BlobFolder();

  Expected<PartFile> begin(std::string id);
  // The file is complete and on disk; its name is once sync_names() succeeded.
  Expected<BlobInfo> keep(PartFile file);
  Expected<void> sync_names();
  [[nodiscard]] Expected<BlobInfo> find(std::string_view id) const;
  [[nodiscard]] Expected<std::string> read(std::string_view id, std::uint64_t offset, std::size_t bytes) const;
  Expected<void> remove(std::string_view id);
  // Damaged files are listed without hashes, so that whoever cleans up finds them.
  [[nodiscard]] Expected<std::vector<BlobInfo>> list(std::string_view after, std::size_t limit) const;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const BlobUsage& usage() const noexcept { return usage_; }
  [[nodiscard]] std::size_t leftovers_removed() const noexcept { return leftovers_; }

 private:
  BlobFolder(std::string path, int descriptor, FileLock lock)
      : path_(std::move(path)), descriptor_(descriptor), lock_(std::move(lock)) {}
  Expected<void> take_stock();

  std::string path_;
  int descriptor_;
  FileLock lock_;
  BlobUsage usage_;
  std::size_t leftovers_ = 0;
  bool temporary_ = false;
};

// A descriptor for reading; the content is the first BlobInfo::size bytes.
[[nodiscard]] Expected<int> open_blob(const std::string& folder, std::string_view id);

}  // namespace herald::store
