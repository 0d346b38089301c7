// Who asked for what, when, and what came of it: one JSON line in a file of its own for each request of an initiator or operator
// that changes something, and for each that is refused for what its account is or may do. No contents, no credentials.
//
//   {"time", "who", "by", "peer", "method", "path", "status", "code"?, "object"?, "trace"}
//
// Thread: one shard; the file is written by a thread of its own.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "herald/http.h"
#include "herald/servlet_context.h"
#include "push_config.h"
#include "result/cdr_writer.h"

namespace herald::push {

struct AuditEntry {
  std::string who;      // name of the account; "@operator"; empty: nobody that is known
  std::string_view by;  // "bearer", "basic", "certificate", "admin", "none"
  std::string peer;
  std::string method;  // or the operation of PAP
  std::string path;
  std::string trace;
};

class Audit {
 public:
  explicit Audit(ServletContext& context) : context_(context), file_(&PushConfig::audit, "herald_push_audit_total") {}

  // Before the request is handed on and gone.
  [[nodiscard]] static AuditEntry entry_of(const HttpRequest& request);
  // `object`: what it was about, when that is not in the path.
  void note(const std::shared_ptr<const PushConfig>& config, const AuditEntry& entry, int status, std::string_view object = {},
            int code = 0);
  void flush() { file_.flush(); }

 private:
  ServletContext& context_;
  CdrWriter file_;
};

}  // namespace herald::push
