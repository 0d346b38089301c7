// Operator events of the record store.
#pragma once

#include "herald/log.h"

namespace herald::store::catalog {

using log::Level;
using log::OperatorEvent;

inline constexpr OperatorEvent kOpened{"ST0101", Level::info, "store opened", "start", "", ""};
inline constexpr OperatorEvent kCannotOpen{"ST0102",
                                           Level::error,
                                           "store cannot be opened",
                                           "see error",
                                           "the node does not start",
                                           "check path, owner and rights of the database file"};
inline constexpr OperatorEvent kInUse{"ST0103",
                                      Level::error,
                                      "store is in use by another process",
                                      "two nodes are configured with the same store.path",
                                      "the node does not start",
                                      "give each node its own store.path, or stop the other process"};
inline constexpr OperatorEvent kNotOurs{"ST0104",
                                        Level::error,
                                        "the file is not a store of this program",
                                        "store.path names another database, or one of a newer version",
                                        "the node does not start",
                                        "correct store.path, or run the version that wrote the file"};
inline constexpr OperatorEvent kCorrupt{"ST0105",
                                        Level::error,
                                        "store is damaged",
                                        "disk or file system fault, or a foreign write",
                                        "operations that touch the damaged part fail; at start the node refuses to run",
                                        "stop the node and recover the file (sqlite3 FILE .recover) or restore a backup"};
inline constexpr OperatorEvent kFull{"ST0106",
                                     Level::error,
                                     "store cannot grow",
                                     "the disk or the quota is full",
                                     "nothing new is accepted; what was accepted is kept",
                                     "free space on the file system of store.path"};
inline constexpr OperatorEvent kIoFailed{"ST0107",
                                         Level::error,
                                         "store input/output failed",
                                         "see error",
                                         "nothing new is accepted until a write succeeds",
                                         "check the disk and the kernel's log"};
inline constexpr OperatorEvent kReadOnly{"ST0108",
                                         Level::error,
                                         "store is read-only",
                                         "rights of the file, or a read-only mount",
                                         "nothing new is accepted",
                                         "make the file and its folder writable for the node's user"};
inline constexpr OperatorEvent kLocked{"ST0109",
                                       Level::warn,
                                       "store is locked by another program",
                                       "another program holds a write transaction on the database file",
                                       "writes fail with busy until it ends",
                                       "end the other program's transaction"};
inline constexpr OperatorEvent kRecovered{"ST0110", Level::info, "store writes again", "a write succeeded after failures",
                                          "",       ""};
inline constexpr OperatorEvent kMigrated{"ST0111",
                                         Level::info,
                                         "store schema migrated",
                                         "the file was written by an older version",
                                         "the older version can no longer use the file",
                                         ""};
inline constexpr OperatorEvent kQueueFull{"ST0112",
                                          Level::warn,
                                          "store queue is full",
                                          "the disk is slower than the load",
                                          "callers get busy and refuse new work",
                                          "a faster disk, or less load"};
inline constexpr OperatorEvent kQueueRelieved{"ST0113", Level::info, "store queue accepts again", "the queue has drained",
                                              "",       ""};

}  // namespace herald::store::catalog
