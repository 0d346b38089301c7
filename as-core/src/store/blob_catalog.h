// Operator events of the blob store.
#pragma once

#include "herald/log.h"

namespace herald::store::blob_catalog {

using log::Level;
using log::OperatorEvent;

inline constexpr OperatorEvent kOpened{"ST0201", Level::info, "blob store opened", "start", "", ""};
inline constexpr OperatorEvent kCannotOpen{
    "ST0202",
    Level::error,
    "blob store cannot be opened",
    "see error",
    "the node does not start",
    "check path, owner and rights of the directory store.blobs, and that no other node uses it"};
inline constexpr OperatorEvent kLeftovers{"ST0203",
                                          Level::info,
                                          "unfinished blobs removed",
                                          "the node ended while content was being received",
                                          "none: whoever sent it was never told that it was accepted",
                                          ""};
inline constexpr OperatorEvent kFull{"ST0204",
                                     Level::error,
                                     "blob store cannot grow",
                                     "the disk, the quota or store.blobs_max_size is full",
                                     "large content is not accepted; what was accepted is kept",
                                     "free space on the file system of store.blobs, or raise the limit"};
inline constexpr OperatorEvent kIoFailed{"ST0205",
                                         Level::error,
                                         "blob store input/output failed",
                                         "see error",
                                         "large content is not accepted until a write succeeds",
                                         "check the disk and the kernel's log"};
inline constexpr OperatorEvent kCorrupt{"ST0206",
                                        Level::error,
                                        "a blob is damaged",
                                        "disk or file system fault, or a foreign write",
                                        "the push that needs it fails; others are not affected",
                                        "check the disk; restore the file from a backup"};
inline constexpr OperatorEvent kRecovered{"ST0207", Level::info, "blob store writes again", "a write succeeded after failures",
                                          "",       ""};
inline constexpr OperatorEvent kQueueFull{"ST0208",
                                          Level::warn,
                                          "blob store queue is full",
                                          "the disk is slower than the content that arrives",
                                          "callers get busy and refuse new content",
                                          "a faster disk, or less load"};

}  // namespace herald::store::blob_catalog
