// Contents as files of a folder, for --save-dir: copied by a thread of its own.
// Thread: save() on a shard; answers arrive there. Lifetime: destroy it while that shard still lives, before the blobs.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "account.h"

namespace herald::receiver {

class FolderSaver final : public ContentSaver {
 public:
  // Error{unavailable}: the folder cannot be made.
  static Expected<std::unique_ptr<FolderSaver>> make(std::string folder, BlobStore& blobs);
  ~FolderSaver() override;
  FolderSaver(const FolderSaver&) = delete;
  FolderSaver& operator=(const FolderSaver&) = delete;
  [[nodiscard]] Future<std::string> save(const PushContent& content) override;

 private:
  struct Job {
    PushContent content;
    Promise<std::string> done;
  };
  FolderSaver(std::string folder, BlobStore& blobs);
  void run();
  Expected<std::string> write(const PushContent& content);

  std::string folder_;
  BlobStore& blobs_;
  unsigned number_ = 0;
  std::mutex mutex_;  // the queue, between the shard and the thread
  std::condition_variable ready_;
  std::deque<Job> jobs_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace herald::receiver
